/** Reads policy tests and all that they name; what can't be read is told with its place, and nothing is passed over. */
import path from 'node:path';
import {isDeepStrictEqual} from 'node:util';
import {
  type AdmissionExpectation,
  leaseManifestSchema,
  type PolicyTest,
  policyTestSchema,
  TEST_KIND,
  TEST_VERSION,
} from '../../api/policytest.ts';
import type {LeaseManifest} from '../../core/admission/lease-request.ts';
import {isFields, type Path} from '../../core/fields.ts';
import {FINDING_REASONS} from '../../core/lease/finding.ts';
import {parseMicroTime} from '../../core/lease/microtime.ts';
import {isPolicy, type Manifest, rulesOf, specOf} from '../../core/manifest/manifest.ts';
import {problemsOf, type Schema} from '../../core/manifest/structural.ts';
import type {AdmissionCase} from '../../rehearsal/expectations.ts';
import {Failure} from '../terminal/failure.ts';
import type {Streams} from '../terminal/output.ts';
import {type Found, invalidPolicy, type Readable, readWhatIsGood} from './manifests.ts';

/** A test with everything that it names. */
export type TestFile = Pick<PolicyTest, 'names' | 'findings'> & {
  readonly found: Found;
  readonly name: string;
  /** Policies with every default, and what else is in the cluster. */
  readonly manifests: readonly Found[];
  readonly admission: readonly AdmissionCase[];
  /** The moment that is taken for now. */
  readonly wallMs: number;
};

const GROUP = TEST_VERSION.slice(0, TEST_VERSION.indexOf('/'));
const groupOf = ({manifest: {apiVersion}}: Found) => apiVersion.split('/').slice(0, -1).join('/');
const isTest = (found: Found) => groupOf(found) === GROUP;

/** Each test of the paths, or what is wrong with it; a path without any is a failure. */
export async function readTests(
  paths: readonly string[],
  streams: Streams,
  wallMs: number,
): Promise<{tests: TestFile[]; failures: Failure[]}> {
  const tests: TestFile[] = [];
  const failures: Failure[] = [];
  for (const each of paths) {
    const read = await readWhatIsGood([each], streams, `${GROUP}/`);
    failures.push(...read.failures);
    const found = read.found.filter(isTest);
    if (found.length === 0 && read.failures.length === 0) failures.push(noTest(each));
    for (const test of found) {
      const result = await new TestReader(test, read, streams).read(wallMs);
      if (Array.isArray(result)) failures.push(...result);
      else tests.push(result);
    }
  }
  return {tests, failures};
}

const noTest = (place: string) =>
  new Failure('NotFound', `there is no ${TEST_KIND} in ${place}`, 'write one as docs/policy-tests.md says');

class TestReader {
  readonly #found: Found;
  readonly #beside: readonly Found[];
  readonly #streams: Streams;
  readonly #failures: Failure[] = [];

  constructor(found: Found, {found: all}: Readable, streams: Streams) {
    this.#found = found;
    // What stands in the file of the test is part of it.
    this.#beside = all.filter(each => each.file === found.file && !isTest(each));
    this.#streams = streams;
  }

  async read(wallMs: number): Promise<TestFile | Failure[]> {
    const found = this.#found;
    const test = found.manifest as unknown as PolicyTest;
    if (!this.#hasForm(test)) return this.#failures;
    const manifests = await this.#manifests(test);
    const admission: AdmissionCase[] = [];
    for (const [at, each] of (test.admission ?? []).entries()) {
      const read = await this.#admission(each, ['admission', at]);
      if (read) admission.push(read);
    }
    if (this.#failures.length > 0) return this.#failures;
    const {names = [], findings = [], at} = test;
    const now = parseMicroTime(at) ?? wallMs;
    return {found, name: test.metadata.name, manifests, names, findings, admission, wallMs: now};
  }

  #fail(at: Path, problem: string, next = 'correct it'): void {
    const {file, lineOf, manifest} = this.#found;
    const what = `${file}, line ${lineOf(at)}: ${TEST_KIND} ${manifest.metadata.name}: ${problem}`;
    this.#failures.push(new Failure('InvalidFile', what, next));
  }

  #hasForm(test: PolicyTest): boolean {
    const {apiVersion, kind} = this.#found.manifest;
    if (apiVersion !== TEST_VERSION || kind !== TEST_KIND)
      this.#fail(['apiVersion'], `there is no ${apiVersion} ${kind}`, `write ${TEST_VERSION} ${TEST_KIND}`);
    else this.#check(policyTestSchema, test, []);
    if (this.#failures.length > 0) return false;
    const {at, names = [], findings = [], admission = []} = test;
    if (at !== undefined && parseMicroTime(at) === undefined)
      this.#fail(['at'], `at: ${at} is no time`, 'write it as 2026-03-01T12:00:00Z');
    if (names.length + findings.length + admission.length === 0)
      this.#fail([], 'it expects nothing', 'write names, findings or admission');
    for (const [index, {reasons}] of findings.entries()) this.#checkReasons(reasons, index);
    return this.#failures.length === 0;
  }

  /** A reason that nobody gives would be awaited for ever. */
  #checkReasons(reasons: readonly string[], index: number): void {
    for (const [at, reason] of reasons.entries()) {
      if (REASONS.has(reason)) continue;
      const place = ['findings', index, 'reasons', at];
      const next = `write some of ${FINDING_REASONS.join(', ')}`;
      this.#fail(place, `${pathText(place)}: there is no reason ${JSON.stringify(reason)}`, next);
    }
  }

  /** Each problem with its path in the document. */
  #check(schema: object, value: unknown, at: Path): boolean {
    const problems = problemsOf(schema as Schema, value, pathText(at));
    for (const problem of problems) {
      const text = problem.replace(/^\./, '');
      this.#fail([...pathOf(text.slice(0, Math.max(0, text.indexOf(': '))))], text);
    }
    return problems.length === 0;
  }

  async #manifests({policies = [], resources = []}: PolicyTest): Promise<Found[]> {
    const named: Found[] = [];
    for (const [field, paths] of Object.entries({policies, resources}))
      for (const [index, each] of paths.entries()) named.push(...(await this.#read(each, [field, index])));
    const all = this.#once([...this.#beside, ...named]);
    if (!all.some(({manifest}) => isPolicy(manifest)) && this.#failures.length === 0)
      this.#fail(['policies'], 'there is no LeasePolicy in its files', 'name one in policies');
    return all.filter(each => !isTest(each)).flatMap(each => this.#whole(each));
  }

  /** A file may be named twice; but of two objects with one name nobody can tell which is meant. */
  #once(all: readonly Found[]): Found[] {
    const known = new Map<string, Found>();
    for (const each of all) {
      const {kind, metadata} = each.manifest;
      const key = [groupOf(each), kind, metadata.namespace, metadata.name].join('/');
      const before = known.get(key);
      if (!before) known.set(key, each);
      else if (!isDeepStrictEqual(before.manifest, each.manifest)) {
        const what = `${each.file}, line ${each.line}: ${kind} ${metadata.name}`;
        const other = `another one stands in ${before.file}, line ${before.line}`;
        this.#failures.push(new Failure('InvalidFile', `${what}: ${other}`, 'leave one of them out'));
      }
    }
    return [...known.values()];
  }

  /** A policy as the API server stores it. */
  #whole(found: Found): Found[] {
    const {manifest} = found;
    if (!isPolicy(manifest)) return [found];
    const [spec, rules] = [specOf(manifest), rulesOf(manifest)];
    if (!Array.isArray(rules)) return [{...found, manifest: {...manifest, spec} as Manifest}];
    this.#failures.push(invalidPolicy(found, rules));
    return [];
  }

  /** The field that names the path is where it is to be corrected, if the file is not there. */
  async #read(file: string, at: Path): Promise<readonly Found[]> {
    const {found, failures} = await readWhatIsGood([this.#placeOf(file)], this.#streams);
    for (const {message, next} of failures) this.#fail(at, `${pathText(at)}: ${message}`, next);
    return found;
  }

  /** From the folder of the test. */
  #placeOf(file: string): string {
    const own = this.#found.file;
    return path.isAbsolute(file) || own === '-' ? file : path.join(path.dirname(own), file);
  }

  async #admission(given: AdmissionExpectation, at: Path): Promise<AdmissionCase | undefined> {
    const {create, update, ...rest} = given;
    if ((create === undefined) === (update === undefined)) {
      this.#fail(at, `${pathText(at)}: it needs either create or update`);
      return undefined;
    }
    if (create !== undefined) {
      const after = await this.#lease(create, [...at, 'create']);
      return after && {...rest, after, before: undefined};
    }
    const before = await this.#lease(update?.from, [...at, 'update', 'from']);
    const after = await this.#lease(update?.to, [...at, 'update', 'to']);
    if (!before || !after) return undefined;
    if (keyOf(before) === keyOf(after)) return {...rest, after, before};
    this.#fail([...at, 'update'], `${pathText(at)}.update: from and to are not the same Lease`);
    return undefined;
  }

  async #lease(given: unknown, at: Path): Promise<LeaseManifest | undefined> {
    const value = typeof given === 'string' ? await this.#leaseIn(given, at) : given;
    if (value === undefined) return undefined;
    const lease = isFields(value) ? {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...value} : value;
    if (!this.#check(leaseManifestSchema, lease, at)) return undefined;
    return this.#withTimes(lease as unknown as LeaseManifest, at);
  }

  async #leaseIn(file: string, at: Path): Promise<unknown> {
    const before = this.#failures.length;
    const [found, ...more] = await this.#read(file, at);
    if (found && more.length === 0) return found.manifest;
    if (this.#failures.length === before)
      this.#fail(
        at,
        `${pathText(at)}: ${file} holds ${more.length + (found ? 1 : 0)} objects, not one Lease`,
      );
    return undefined;
  }

  /** As the API server stores them: it takes no shorter ones, and shows all of them in UTC. */
  #withTimes(lease: LeaseManifest, at: Path): LeaseManifest | undefined {
    for (const field of ['acquireTime', 'renewTime'] as const) {
      const time = lease.spec?.[field];
      if (time === undefined || isMicroTime(time)) continue;
      const place = [...at, 'spec', field];
      this.#fail(place, `${pathText(place)}: ${time} is no time`, 'write it as 2026-03-01T12:00:00.000000Z');
      return undefined;
    }
    return lease;
  }
}

const REASONS: ReadonlySet<string> = new Set(FINDING_REASONS);

const isMicroTime = (text: string) =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text) && parseMicroTime(text) !== undefined;

const keyOf = ({metadata: {namespace, name}}: LeaseManifest) => `${namespace}/${name}`;

/** As problems name their place: names[0].lease. */
const pathText = (at: Path) =>
  at
    .map(each => (typeof each === 'number' ? `[${each}]` : `.${each}`))
    .join('')
    .replace(/^\./, '');

const pathOf = (text: string): Path =>
  [...text.matchAll(/[^.[\]]+/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
