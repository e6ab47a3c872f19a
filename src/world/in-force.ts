/** Which policies are in force, and the workloads of the kinds that they name. */
import type {KindRef} from '../api/leasepolicy.ts';
import {isSpec} from '../core/manifest/spec-form.ts';
import {compile, type Rules, sharedVariable} from '../core/naming/rules.ts';
import {compileSystem, isOfWorkloads, isSystem, type SystemRules} from '../core/naming/system-rules.ts';
import type {Acceptance} from '../core/plan/policy.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import {type Change, Store} from '../runtime/store.ts';
import type {PolicyRow, WorkloadRow} from './project.ts';

/** The workloads of one kind. */
export type WorkloadSource = {
  readonly ref: KindRef;
  /** The resource with its group, such as deployments.apps. */
  readonly resource: string;
  /** Path of the API group, such as /apis/apps/v1. */
  readonly root: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly store: Store<WorkloadRow>;
  /** Why the workloads can't be listed. */
  problem: string | undefined;
};

export type InForceOptions = {
  kinds: {get(apiVersion: string, kind: string): KindAnswer};
  /** Starts to watch a kind. */
  watchKind: (source: WorkloadSource) => void;
  /** Every policy that there is. */
  policies: () => Iterable<PolicyRow>;
  onWorkload: (change: Change<WorkloadRow>) => void;
  /** Why the nodes can't be read. */
  nodesProblem: () => string | undefined;
  /** Told of a policy whose subjects are of another kind than before. */
  onOtherSubjects: (policy: string) => void;
  /** Told when rules came into force or went out of it. */
  onRules: () => void;
};

/** Why a policy is refused that may be accepted when another one changes. */
export const INJECTION_CONFLICT = 'InjectionConflict';

export class InForce {
  readonly rules = new Map<string, Rules>();
  readonly systemRules = new Map<string, SystemRules>();
  readonly acceptance = new Map<string, Acceptance>();
  readonly sources = new Map<string, WorkloadSource>();
  readonly #options: InForceOptions;

  constructor(options: InForceOptions) {
    this.#options = options;
  }

  source(ref: KindRef): WorkloadSource | undefined {
    return this.sources.get(`${ref.apiVersion} ${ref.kind}`);
  }

  /** Whether the policy, as it is or as it is in force, names the kind. */
  concerns(row: PolicyRow, ref: KindRef): boolean {
    const named = (kinds: readonly KindRef[] = []) =>
      kinds.some(each => each.apiVersion === ref.apiVersion && each.kind === ref.kind);
    return named(row.spec?.subjects.workloads?.kinds) || named(this.rules.get(row.key)?.kinds);
  }

  /** Judges a policy's spec, and puts it in force when it can be; else what was in force last stays. */
  judge(row: PolicyRow): void {
    const compiled = compileAny(row.key, row.generation, row.spec);
    if (Array.isArray(compiled)) {
      this.acceptance.set(row.key, {accepted: false, reason: 'InvalidSpec', message: compiled.join('; ')});
      this.#stay(row);
      return;
    }
    const acceptance = isSystem(compiled)
      ? this.#acceptSystem(compiled)
      : (this.#injectionConflict(row, compiled) ?? this.#acceptKinds(compiled));
    this.acceptance.set(row.key, acceptance);
    if (acceptance.accepted === true) this.#enforce(row.key, compiled);
    else this.#stay(row);
  }

  /** The rules of a policy that is in force, whatever its subjects are. */
  of(policy: string): Rules | SystemRules | undefined {
    return this.rules.get(policy) ?? this.systemRules.get(policy);
  }

  /** Takes a policy that is deleted out of force. */
  forget(policy: string): void {
    this.acceptance.delete(policy);
    this.#enforce(policy, undefined);
  }

  #enforce(policy: string, rules: Rules | SystemRules | undefined): void {
    const before = this.of(policy);
    if (before?.generation === rules?.generation) return;
    // By the keys of the new kind nobody would judge anew what was judged by those of the old one.
    if (before && rules && subjectsKind(before) !== subjectsKind(rules))
      this.#options.onOtherSubjects(policy);
    this.rules.delete(policy);
    this.systemRules.delete(policy);
    if (rules && isSystem(rules)) this.systemRules.set(policy, rules);
    else if (rules) this.rules.set(policy, rules);
    this.#options.onRules();
  }

  /** Leaves in force what is, also that from before this process began. */
  #stay(row: PolicyRow): void {
    if (!this.of(row.key)) this.#enforce(row.key, lastAccepted(row));
    const rules = this.rules.get(row.key);
    if (rules) this.#acceptKinds(rules);
  }

  /** A Pod can't be told two names by one variable: who had it first keeps it. */
  #injectionConflict(row: PolicyRow, rules: Rules): Acceptance | undefined {
    if (!rules.injection || row.status?.lastAccepted?.generation === row.generation) return undefined;
    for (const other of this.#options.policies()) {
      const others = other.key === row.key ? undefined : (this.of(other.key) ?? lastAccepted(other));
      const variable = others && !isSystem(others) ? sharedVariable(rules, others) : undefined;
      if (variable === undefined) continue;
      const message = `policy ${other.key} injects ${variable} into Pods that this one may select: choose other variables, or selectors that exclude each other`;
      return {accepted: false, reason: INJECTION_CONFLICT, message};
    }
    return undefined;
  }

  /** Nodes are read from when a policy of them is in force, so it begins as accepted. */
  #acceptSystem({subjects}: SystemRules): Acceptance {
    const problem = subjects.kind === 'Node' ? this.#options.nodesProblem() : undefined;
    return problem === undefined
      ? {accepted: true}
      : {accepted: false, reason: 'KindNotReadable', message: problem};
  }

  #acceptKinds({kinds}: Rules): Acceptance {
    const answers = kinds.map(ref => this.#acceptKind(ref));
    return (
      answers.find(each => each.accepted === false) ??
      answers.find(each => each.accepted === undefined) ?? {accepted: true}
    );
  }

  #acceptKind(ref: KindRef): Acceptance {
    const answer = this.#options.kinds.get(ref.apiVersion, ref.kind);
    if (answer.state === 'asking') {
      return {accepted: undefined, message: `looking up ${ref.kind} in ${ref.apiVersion}`};
    }
    if (answer.state === 'refused') return {accepted: false, reason: answer.reason, message: answer.message};
    const source = this.source(ref) ?? this.#start(ref, answer);
    if (source.problem === undefined || source.store.ready) return {accepted: true};
    return {accepted: false, reason: 'KindNotReadable', message: source.problem};
  }

  #start(ref: KindRef, {group, version, plural}: KindAnswer & {state: 'served'}): WorkloadSource {
    const source: WorkloadSource = {
      ref,
      resource: group === '' ? plural : `${plural}.${group}`,
      root: group === '' ? `/api/${version}` : `/apis/${group}/${version}`,
      group,
      version,
      plural,
      store: new Store(this.#options.onWorkload),
      problem: undefined,
    };
    this.sources.set(`${ref.apiVersion} ${ref.kind}`, source);
    this.#options.watchKind(source);
    return source;
  }
}

const subjectsKind = (rules: Rules | SystemRules) => (isSystem(rules) ? rules.subjects.kind : 'Workload');

/** The API server validates by the CRD that it has, which may be that of another version. */
const NOT_WHOLE = 'spec: it is not what this version knows: install its CRDs with kubectl apply -f crds';

function compileAny(policy: string, generation: number, spec: unknown): Rules | SystemRules | string[] {
  if (!isSpec(spec)) return [NOT_WHOLE];
  return isOfWorkloads(spec) ? compile(policy, generation, spec) : compileSystem(policy, generation, spec);
}

/** What is in force by the word of the operator: the spec, or what was accepted last where it has refused that. */
export function inForceByStatus(row: PolicyRow): Rules | SystemRules | undefined {
  const isRefused = row.status?.conditions.some(
    ({type, status, observedGeneration}) =>
      type === 'Accepted' && status === 'False' && observedGeneration === row.generation,
  );
  const compiled = isRefused ? [] : compileAny(row.key, row.generation, row.spec);
  return Array.isArray(compiled) ? lastAccepted(row) : compiled;
}

/** The version that an earlier leader, perhaps of another version of the operator, had in force, from status. */
function lastAccepted({key, status}: PolicyRow): Rules | SystemRules | undefined {
  if (!status?.lastAccepted) return undefined;
  const {generation, spec} = status.lastAccepted;
  let parsed: unknown;
  try {
    parsed = JSON.parse(spec);
  } catch {
    return undefined; // not what we wrote: nothing is in force until the spec is accepted
  }
  const compiled = compileAny(key, generation, parsed);
  return Array.isArray(compiled) ? undefined : compiled;
}
