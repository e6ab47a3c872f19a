/**
 * A cluster of manifests in the stores of the operator, as one knows it that has watched it for long: what its
 * controllers find there, and what it would say to the API server. Nothing is read and nothing written.
 */
import type {LeaseRegistrySpec} from '../api/leaseregistry.ts';
import {type KubeObject, REGISTRY_NAME} from '../api/objects.ts';
import {admissionController} from '../controllers/admission.ts';
import {registryController} from '../controllers/registry.ts';
import {renderAdmission} from '../core/admission/render.ts';
import type {Rendered} from '../core/admission/rendered.ts';
import type {Catalogue} from '../core/lease/catalogue.ts';
import type {Finding} from '../core/lease/finding.ts';
import {renewalAgeMs} from '../core/lease/heard.ts';
import type {Manifest} from '../core/manifest/manifest.ts';
import {SYSTEM_NAMESPACES} from '../core/naming/rules.ts';
import {type Asked, meansKind} from '../core/naming/subject-names.ts';
import type {Now} from '../core/now.ts';
import type {Action, RegistryPatch} from '../core/plan/action.ts';
import {labelsOfNamespace} from '../core/selector.ts';
import {parseSelector} from '../core/selector-text.ts';
import {systemClock} from '../runtime/clock.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import type {Row} from '../runtime/store.ts';
import {watchBase} from '../world/base-watches.ts';
import type {RegistryRow} from '../world/project.ts';
import type {WatchRequest} from '../world/watch-request.ts';
import {World} from '../world/world.ts';
import {Rehearsal} from './rehearsal.ts';
import type {OperatorIdentity} from './snapshot.ts';

export type FileWorldOptions = {
  /** Policies with every default, and what else is in the cluster. */
  readonly manifests: readonly Manifest[];
  readonly catalogue: Catalogue;
  readonly operator: OperatorIdentity;
  /** The moment that is taken for now. */
  readonly wallMs: number;
};

/** For how long all of it has been as it is: longer than anything that is waited for. */
const WATCHED_MS = 30 * 24 * 3600 * 1000;

export class FileWorld {
  readonly world: World;
  readonly now: Now;
  readonly #rehearsal: Rehearsal;
  readonly #objects: readonly KubeObject[];
  readonly #requests: WatchRequest<Row>[] = [];
  #version = 1;

  constructor({manifests, catalogue, operator, wallMs}: FileWorldOptions) {
    this.now = {wallMs, monotonicMs: systemClock.monotonicMs() + WATCHED_MS};
    const places = [...SYSTEM_NAMESPACES, 'default', operator.ownLease.split('/')[0] ?? ''];
    this.#objects = wholeObjects([...manifests, ...namespacesBeside(manifests, places)], wallMs);
    this.world = new World({
      ownLease: operator.ownLease,
      catalogue,
      heartbeatPollMs: 0,
      onWrite: () => {},
      enqueue: (key, afterMs) => this.#rehearsal.want(key, afterMs),
      kinds: {get: served},
      watch: request => this.#requests.push(request as unknown as WatchRequest<Row>),
    });
    this.world.username = operator.username ?? operator.usualName;
    this.#rehearsal = new Rehearsal(this.world);
    this.#fill();
    this.#register();
  }

  /** What the controllers have found, each thing once. */
  findings(): Finding[] {
    return [...this.#rehearsal.advance(this.now).values()].flatMap(({plan}) => plan.findings);
  }

  /** Whether there is such an object; the namespace is empty for what has none. */
  has({kind, name}: Asked, namespace: string): boolean {
    return this.#objects.some(
      ({apiVersion = '', kind: own = '', metadata}) =>
        metadata.name === name &&
        (metadata.namespace ?? '') === namespace &&
        meansKind(kind, {apiVersion, kind: own}),
    );
  }

  registry(namespace: string): LeaseRegistrySpec | undefined {
    return this.world.registries.get(registryKey(namespace))?.spec;
  }

  /** What each policy in force has in the API server. */
  rendered(): Rendered[] {
    return [...this.world.policies.values()].flatMap(({key}) => {
      const {rules, context} = admissionController.observe(key, this.world, this.now);
      return rules && context ? renderAdmission(rules, context).flatMap(({objects}) => objects) : [];
    });
  }

  /** Each store as it is asked for; what comes into force asks for more. */
  #fill(): void {
    watchBase(this.world);
    for (let request = this.#requests.shift(); request; request = this.#requests.shift()) {
      const {store, onState} = request;
      const rows = this.#objects
        .filter(object => fits(object, request))
        .map(each => this.#row(each, request));
      store.replace(new Map(rows.map(row => [row.key, row])), '1');
      onState?.(undefined);
    }
  }

  /** Who has watched all along has seen each renewal when it was made, as far as clocks agree. */
  #row(object: KubeObject, {project}: WatchRequest<Row>): Row {
    const row = project(object, undefined);
    if (!('changedAtMs' in row && 'renewTime' in row)) return row;
    const ageMs = renewalAgeMs(row as {renewTime: string | undefined}, this.now) ?? WATCHED_MS;
    return {...row, changedAtMs: this.now.monotonicMs - ageMs} as Row;
  }

  /**
   * The registries as they are once the operator has written them: much else waits for that. What a collection keeps
   * there goes with a deletion, and nothing is deleted here.
   */
  #register(): void {
    for (let writes = this.#writes(); writes.length > 0; writes = this.#writes())
      for (const write of writes) this.#write(write);
  }

  #write(action: Action): void {
    if (action.type === 'createRegistry') this.#putRegistry(action.namespace, action.spec);
    else if (action.type === 'patchRegistry') this.#patchRegistry(action.namespace, action.patch);
    else if (action.type === 'deleteRegistry')
      this.world.registries.delete(registryKey(action.namespace), action.resourceVersion);
  }

  #writes(): Action[] {
    const looks = [...this.#rehearsal.advance(this.now).values()];
    return looks.flatMap(({controller, plan}) => (controller === registryController ? plan.actions : []));
  }

  #patchRegistry(namespace: string, patch: RegistryPatch): void {
    const before = this.registry(namespace);
    if (before) this.#putRegistry(namespace, patched(before, patch) as LeaseRegistrySpec);
  }

  #putRegistry(namespace: string, spec: LeaseRegistrySpec): void {
    this.#version += 1;
    const key = registryKey(namespace);
    const row: RegistryRow = {key, uid: key, resourceVersion: `${this.#version}`, spec};
    this.world.registries.put(row);
  }
}

const registryKey = (namespace: string) => `${namespace}/${REGISTRY_NAME}`;

/** Without a server every kind is one that it serves. */
function served(apiVersion: string, kind: string): KindAnswer {
  const [version = '', group = ''] = apiVersion.split('/').reverse();
  return {state: 'served', group, version, plural: pluralOf(kind)};
}

function pluralOf(kind: string): string {
  const singular = kind.toLowerCase();
  if (/(s|x|ch|sh)$/.test(singular)) return `${singular}es`;
  return /[^aeiou]y$/.test(singular) ? `${singular.slice(0, -1)}ies` : `${singular}s`;
}

function fits(object: KubeObject, request: WatchRequest<Row>): boolean {
  const {group, version, plural, namespace, fieldSelector, labelSelector} = request;
  const {apiVersion = '', kind = '', metadata} = object;
  const isOfKind =
    apiVersion === (group === '' ? version : `${group}/${version}`) && pluralOf(kind) === plural;
  if (!isOfKind || (namespace !== undefined && metadata.namespace !== namespace)) return false;
  return isField(fieldSelector, metadata) && hasLabels(labelSelector, metadata.labels);
}

/** Such as metadata.namespace!=kube-node-lease. */
function isField(selector: string | undefined, metadata: KubeObject['metadata']): boolean {
  const [, field, not, value] = /^metadata\.(name|namespace)(!?)=(.*)$/.exec(selector ?? '') ?? [];
  return field === undefined || (metadata[field as 'name' | 'namespace'] === value) === (not === '');
}

function hasLabels(selector: string | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  const matcher = selector === undefined ? undefined : parseSelector(selector);
  return typeof matcher !== 'function' || matcher(labels);
}

/** Namespaces that every cluster has. */
function namespacesBeside(manifests: readonly Manifest[], names: readonly string[]): Manifest[] {
  const written = new Set(manifests.filter(isNamespace).map(({metadata}) => metadata.name));
  const missing = [...new Set(names)].filter(name => !written.has(name));
  return missing.map(name => ({apiVersion: 'v1', kind: 'Namespace', metadata: {name}}));
}

const isNamespace = ({apiVersion, kind}: Manifest) => apiVersion === 'v1' && kind === 'Namespace';

/** With what the API server adds. Of what tells no time the first one is the oldest. */
function wholeObjects(manifests: readonly Manifest[], wallMs: number): KubeObject[] {
  const creationTimestamp = new Date(wallMs - WATCHED_MS).toISOString().replace(/\.\d+Z$/, 'Z');
  return manifests.map((manifest, at) => {
    const {metadata} = manifest;
    const uid = `00000000-0000-0000-0000-${String(at).padStart(12, '0')}`;
    const labels = isNamespace(manifest)
      ? labelsOfNamespace(metadata.name, metadata.labels)
      : metadata.labels;
    const added = {uid, creationTimestamp, generation: 1, ...metadata, resourceVersion: '1'};
    return {...manifest, metadata: labels ? {...added, labels} : added} as KubeObject;
  });
}

/** What a JSON merge patch makes of a value. */
function patched(value: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  // Without inherited keys: a Lease may be called constructor.
  const result: Record<string, unknown> = Object.assign(Object.create(null), value);
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) delete result[key];
    else result[key] = patched(result[key], change);
  }
  return result;
}
