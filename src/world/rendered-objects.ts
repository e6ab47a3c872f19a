/** The caches of what is rendered from policies: admission policies, their bindings, Roles and theirs. */
import {LABELS, RENDERED_KINDS, RENDERED_VERSION, type RenderedKind} from '../api/objects.ts';
import {type RenderedView, renderedView} from '../core/admission/rendered.ts';
import type {KindProblem, KindProblems} from '../core/plan/admission.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import {type Change, Store} from '../runtime/store.ts';
import type {WatchRequest} from './watch-request.ts';

const KINDS = Object.keys(RENDERED_KINDS) as RenderedKind[];

/** Only what we rendered: there may be thousands of Roles of others. */
const OURS = `${LABELS.managedBy}=leasepolicy`;

export type RenderedOptions = {
  kinds: {get(apiVersion: string, kind: string, scope: 'Any'): KindAnswer};
  watch: (request: WatchRequest<RenderedView>) => void;
  onChange: (kind: RenderedKind, change: Change<RenderedView>) => void;
  /** Told when a kind began, or ceased, to be usable. */
  onState: () => void;
};

export class RenderedObjects {
  readonly stores: Readonly<Record<RenderedKind, Store<RenderedView>>>;
  readonly #options: RenderedOptions;
  readonly #watched = new Set<RenderedKind>();
  readonly #problems = new Map<RenderedKind, string>();

  constructor(options: RenderedOptions) {
    this.#options = options;
    const entries = KINDS.map(
      kind => [kind, new Store<RenderedView>(change => options.onChange(kind, change))] as const,
    );
    this.stores = Object.fromEntries(entries) as Record<RenderedKind, Store<RenderedView>>;
  }

  /** Begins to watch each kind that the API server serves. May be called again: an answer may have come. */
  start(): void {
    for (const kind of KINDS) {
      if (this.#watched.has(kind) || this.#answer(kind).state !== 'served') continue;
      this.#watched.add(kind);
      this.#watch(kind);
    }
  }

  /** Whether all of them are in the caches, or known not to be usable. */
  get settled(): boolean {
    return KINDS.every(kind => this.stores[kind].ready || this.#problem(kind) !== undefined);
  }

  /** Why objects of these kinds can't be written. */
  get problems(): KindProblems {
    const found = KINDS.flatMap(kind => {
      const problem = this.#problem(kind);
      return problem ? [[kind, problem] as const] : [];
    });
    return new Map(found);
  }

  #problem(kind: RenderedKind): KindProblem | undefined {
    const answer = this.#answer(kind);
    if (answer.state === 'refused') return answer;
    const message = this.#problems.get(kind);
    return message === undefined || this.stores[kind].ready
      ? undefined
      : {reason: 'KindNotReadable', message};
  }

  /** Admission policies and bindings that were rendered from a policy. */
  *ofPolicy(policy: string): Generator<RenderedView> {
    for (const kind of KINDS) {
      if (kind === 'Role' || kind === 'RoleBinding') continue;
      for (const row of this.stores[kind].values()) if (row.policy === policy) yield row;
    }
  }

  /** Policies from which something is rendered, be they there or not. */
  *policies(): Generator<string> {
    for (const kind of KINDS)
      for (const {policy} of this.stores[kind].values()) if (policy !== undefined) yield policy;
  }

  #answer(kind: RenderedKind): KindAnswer {
    return this.#options.kinds.get(`${RENDERED_KINDS[kind].group}/${RENDERED_VERSION}`, kind, 'Any');
  }

  #watch(kind: RenderedKind): void {
    this.#options.watch({
      ...RENDERED_KINDS[kind],
      version: RENDERED_VERSION,
      store: this.stores[kind],
      project: object => renderedView(kind, object),
      labelSelector: OURS,
      onState: problem => {
        if (problem === undefined) this.#problems.delete(kind);
        else this.#problems.set(kind, problem);
        this.#options.onState();
      },
    });
  }
}
