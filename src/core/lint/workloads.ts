/** What of a manifest with a Pod template concerns leader election. */
import {isFields, type Path} from '../fields.ts';
import {type Labels, ownValue} from '../selector.ts';
import type {LintObject} from './object.ts';
import {at, count, labels, list, text} from './values.ts';

export type LintWorkload = {
  readonly object: LintObject;
  readonly kind: string;
  readonly name: string;
  readonly podLabels: Labels;
  readonly serviceAccount: string;
  /** As written; an autoscaler of the input may keep more of them. */
  readonly replicas: number;
  readonly strategy: Strategy;
  readonly containers: readonly LintContainer[];
};

export type Strategy = {
  readonly type: string;
  readonly path: Path;
  readonly maxUnavailable: unknown;
  readonly isDefault: boolean;
};

/** A word of the command line of a container. */
export type Word = {readonly text: string; readonly path: Path};

export type Variable = {
  readonly name: string;
  /** Undefined where it comes from an object that is read later. */
  readonly value: string | undefined;
  readonly path: Path;
};

export type LintContainer = {
  readonly name: string;
  readonly image: string;
  readonly words: readonly Word[];
  readonly env: readonly Variable[];
  /** Whether further variables come from elsewhere. */
  readonly hasMoreEnv: boolean;
  readonly readiness: {readonly probe: unknown; readonly path: Path} | undefined;
};

/** Where the Pod template of an object is; undefined where there is none. */
function templatePath(object: LintObject): Path | undefined {
  const {kind} = object.manifest;
  const candidates: Path[] =
    kind === 'Pod'
      ? [[]]
      : kind === 'CronJob'
        ? [['spec', 'jobTemplate', 'spec', 'template']]
        : [['spec', 'template']];
  return candidates.find(path => list(at(object.manifest, ...path, 'spec', 'containers')).length > 0);
}

export function workloadOf(object: LintObject): LintWorkload | undefined {
  const template = templatePath(object);
  if (!template) return undefined;
  const {manifest} = object;
  const spec = [...template, 'spec'];
  const value = (...path: Path) => at(manifest, ...spec, ...path);
  return {
    object,
    kind: manifest.kind,
    name: manifest.metadata.name,
    podLabels: labels(at(manifest, ...template, 'metadata', 'labels')),
    serviceAccount: text(value('serviceAccountName')) ?? text(value('serviceAccount')) ?? 'default',
    replicas: count(at(manifest, 'spec', 'replicas')) ?? 1,
    strategy: strategyOf(manifest),
    containers: list(value('containers')).map((each, index) =>
      containerOf(each, [...spec, 'containers', index], object),
    ),
  };
}

function strategyOf(manifest: unknown): Strategy {
  const path = ['spec', 'strategy'];
  const rolling = at(manifest, ...path, 'rollingUpdate', 'maxUnavailable');
  return {
    type: text(at(manifest, ...path, 'type')) ?? 'RollingUpdate',
    path: at(manifest, ...path) === undefined ? ['spec'] : path,
    maxUnavailable: rolling ?? '25%',
    isDefault: rolling === undefined,
  };
}

function containerOf(value: unknown, path: Path, object: LintObject): LintContainer {
  const env = list(at(value, 'env')).map((each, index) => variableOf(each, [...path, 'env', index], object));
  const probe = at(value, 'readinessProbe');
  return {
    name: text(at(value, 'name')) ?? '',
    image: text(at(value, 'image')) ?? '',
    words: ['command', 'args'].flatMap(field => wordsOf(at(value, field), [...path, field])),
    env,
    hasMoreEnv: list(at(value, 'envFrom')).length > 0,
    readiness: isFields(probe) ? {probe, path: [...path, 'readinessProbe']} : undefined,
  };
}

/** A shell's script is a word of its own, and has the words of a program in it. */
const wordsOf = (value: unknown, path: Path): Word[] =>
  list(value).flatMap((each, index) => {
    const place = [...path, index];
    if (typeof each !== 'string') return each === null ? [] : [{text: String(each), path: place}];
    return /\s-/.test(each)
      ? each.split(/\s+/).flatMap(part => (part === '' ? [] : [{text: part, path: place}]))
      : [{text: each, path: place}];
  });

function variableOf(value: unknown, path: Path, object: LintObject): Variable {
  const written = at(value, 'value');
  const isNamespace = at(value, 'valueFrom', 'fieldRef', 'fieldPath') === 'metadata.namespace';
  const known = isNamespace ? object.namespace : text(written);
  return {name: text(at(value, 'name')) ?? '', value: known, path};
}

/**
 * With the values of $(NAME), as the kubelet puts them in; undefined where one is not known here. `injected` are those
 * that a policy gives.
 */
export function expanded(written: string, {env}: LintContainer, injected: Labels): string | undefined {
  let isKnown = true;
  const result = written.replace(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (_, name) => {
    if (name === undefined) return '$';
    const variable = env.findLast(each => each.name === name);
    const value = variable ? variable.value : ownValue(injected, name);
    if (value === undefined) isKnown = false;
    return value ?? '';
  });
  return isKnown ? result : undefined;
}
