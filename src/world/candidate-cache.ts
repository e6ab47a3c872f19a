/** The LeaseCandidates, where the API server serves them, by the Lease that they stand for. */
import {CANDIDATES, type KubeObject} from '../api/objects.ts';
import type {CandidateView} from '../core/plan/candidates.ts';
import {systemClock} from '../runtime/clock.ts';
import {keyOf} from '../runtime/informer.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import {type Row, Store} from '../runtime/store.ts';
import type {WatchRequest} from './watch-request.ts';

export type CandidateRow = Row & CandidateView;

export type CandidateCacheOptions = {
  kinds: {get(apiVersion: string, kind: string, scope: 'Any'): KindAnswer};
  watch: (request: WatchRequest<CandidateRow>) => void;
  /** Told of the Lease, namespace/name, whose candidates have changed. */
  onChange: (lease: string) => void;
  /** Told when all of them are known. */
  onList: () => void;
};

export class CandidateCache {
  readonly store: Store<CandidateRow>;
  readonly #options: CandidateCacheOptions;
  #watched = false;

  constructor(options: CandidateCacheOptions) {
    this.#options = options;
    this.store = new Store(({row}) => options.onChange(leaseOf(row)));
  }

  /** Begins to watch once they are served. May be called again: an answer may have come. */
  start(): void {
    const {kinds, watch} = this.#options;
    const answer = kinds.get(CANDIDATES.apiVersion, CANDIDATES.kind, 'Any');
    if (this.#watched || answer.state !== 'served') return;
    this.#watched = true;
    const {group, version, plural} = answer;
    watch({
      group,
      version,
      plural,
      store: this.store,
      onState: problem => {
        if (problem === undefined) this.#options.onList();
      },
      project: (object, previous) => projectCandidate(object, previous, systemClock.monotonicMs()),
    });
  }

  *ofLease(key: string): Generator<CandidateRow> {
    for (const row of this.store.values()) if (leaseOf(row) === key) yield row;
  }

  /** Each Lease that has candidates, namespace/name. */
  leases(): Set<string> {
    return new Set([...this.store.values()].map(leaseOf));
  }
}

const leaseOf = ({namespace, leaseName}: CandidateView) => `${namespace}/${leaseName}`;

type Candidate = KubeObject & {spec?: {leaseName?: string; pingTime?: string; renewTime?: string}};

function projectCandidate(
  object: KubeObject,
  previous: CandidateRow | undefined,
  nowMs: number,
): CandidateRow {
  const {metadata, spec = {}} = object as Candidate;
  const {namespace = '', name, uid, resourceVersion} = metadata;
  const {leaseName = '', pingTime, renewTime} = spec;
  const unchanged =
    previous?.uid === uid && previous.pingTime === pingTime && previous.renewTime === renewTime;
  return {
    key: keyOf(object),
    namespace,
    name,
    uid,
    resourceVersion,
    leaseName,
    pingTime,
    renewTime,
    changedAtMs: unchanged ? previous.changedAtMs : nowMs,
  };
}
