/** Which kinds the API server serves, looked up once and asked again while the answer is no. */
import {ApiError} from '../errors.ts';
import {keepRunning} from './again.ts';
import type {ApiClient} from './client.ts';
import {delay} from './clock.ts';

const ASK_AGAIN_MS = 30_000;

export type KindAnswer =
  | {state: 'asking'}
  | {state: 'served'; plural: string; group: string; version: string}
  | {state: 'refused'; reason: 'KindNotServed' | 'KindNotReadable'; message: string};

/** What a subject must be, and what is asked of the kinds that the operator itself writes. */
type Scope = 'Namespaced' | 'Any';

type Resource = {name: string; kind: string; namespaced: boolean; verbs: string[] | null};
type ResourceList = {resources: Resource[] | null};

export class KindDirectory {
  readonly #client: ApiClient;
  readonly #signal: AbortSignal;
  readonly #onAnswer: (apiVersion: string, kind: string, answer: KindAnswer) => void;
  readonly #onFailure: (error: unknown) => void;
  readonly #answers = new Map<string, KindAnswer>();

  constructor(
    client: ApiClient,
    signal: AbortSignal,
    onAnswer: (apiVersion: string, kind: string, answer: KindAnswer) => void,
    onFailure: (error: unknown) => void,
  ) {
    this.#client = client;
    this.#signal = signal;
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  /** What is known; the first call for a kind starts the look-up. */
  get(apiVersion: string, kind: string, scope: Scope = 'Namespaced'): KindAnswer {
    const key = `${apiVersion} ${kind} ${scope}`;
    const known = this.#answers.get(key);
    if (known) return known;
    const asking: KindAnswer = {state: 'asking'};
    this.#answers.set(key, asking);
    void keepRunning(() => this.#follow(key, apiVersion, kind, scope), this.#signal, this.#onFailure);
    return asking;
  }

  async #follow(key: string, apiVersion: string, kind: string, scope: Scope): Promise<void> {
    while (!this.#signal.aborted) {
      const answer = await this.#ask(apiVersion, kind, scope);
      const before = this.#answers.get(key) ?? {state: 'asking'};
      this.#answers.set(key, answer);
      if (JSON.stringify(answer) !== JSON.stringify(before))
        this.#tell(key, apiVersion, kind, answer, before);
      if (answer.state === 'served') return;
      await delay(ASK_AGAIN_MS, this.#signal);
    }
  }

  /** Who failed to take an answer is told of it again. */
  #tell(key: string, apiVersion: string, kind: string, answer: KindAnswer, before: KindAnswer): void {
    try {
      this.#onAnswer(apiVersion, kind, answer);
    } catch (error) {
      this.#answers.set(key, before);
      throw error;
    }
  }

  async #ask(apiVersion: string, kind: string, scope: Scope): Promise<KindAnswer> {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    try {
      const answer = await this.#client.request('GET', path, {signal: this.#signal});
      if (!isResourceList(answer))
        return refused(`GET ${path}: the server sent no resources`, 'KindNotReadable');
      return judge(answer.resources ?? [], apiVersion, kind, scope);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.isNotFound) return refused(`the API server serves no ${apiVersion}`);
      return refused(error.message, 'KindNotReadable');
    }
  }
}

/** What is JSON and tells of no resources, as from a proxy, says nothing of a kind. An empty list may be null. */
function isResourceList(answer: unknown): answer is ResourceList {
  const {resources} = (answer ?? {}) as Partial<ResourceList>;
  return resources === null || (Array.isArray(resources) && resources.every(isResource));
}

function isResource(value: unknown): value is Resource {
  const {name, kind, verbs = null} = (value ?? {}) as Partial<Resource>;
  return typeof name === 'string' && typeof kind === 'string' && (verbs === null || Array.isArray(verbs));
}

function judge(resources: readonly Resource[], apiVersion: string, kind: string, scope: Scope): KindAnswer {
  const found = resources.find(each => each.kind === kind && !each.name.includes('/'));
  if (!found) return refused(`the API server serves no ${kind} in ${apiVersion}`);
  if (scope === 'Namespaced' && !found.namespaced)
    return refused(`${kind} in ${apiVersion} has no namespace, so it can't have a Lease`);
  if (!found.verbs?.includes('watch')) return refused(`${kind} in ${apiVersion} can't be watched`);
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return {state: 'served', plural: found.name, group: group ?? '', version: version ?? ''};
}

function refused(message: string, reason: 'KindNotServed' | 'KindNotReadable' = 'KindNotServed'): KindAnswer {
  return {state: 'refused', reason, message};
}
