/** Coordinated leader election: the API server says who leads, and never do two at once, whatever the flags are. */
import test, {type ExecutionContext} from 'ava';
import {type Line, leading, type Program, startOperator} from '../../dev/programs.ts';
import type {KubeObject} from '../../src/api/objects.ts';
import {ownLeaseName} from '../../src/config.ts';
import {eventually} from '../support/eventually.ts';
import {type Stage, setStage} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';
const COORDINATED = '--leader-election=coordinated';
const OLDER = '0.1.1';
const NEWER = '0.2.0';

test.serial(
  'the oldest version leads, and another one as soon as it stops or some time after it was killed',
  async t => {
    t.timeout(240_000);
    const stage = await setStage(t, {coordinated: true});
    const newer = await start(t, stage, 'newer', [COORDINATED], NEWER);
    await leads(newer, 1);
    t.like(await specOf(stage), {holderIdentity: 'newer', strategy: 'OldestEmulationVersion'});

    const older = await start(t, stage, 'older', [COORDINATED], OLDER);
    await leads(older, 1);
    t.is(reasons(newer)[0], 'the API server prefers older');
    t.deepEqual(await candidates(stage), {newer: NEWER, older: OLDER});
    t.is((await specOf(stage))?.preferredHolder, undefined);

    const stoppedMs = Date.now();
    t.is(await older.stop(), 0);
    await leads(newer, 2);
    t.true(Date.now() - stoppedMs < 10_000, 'nobody waits for its duration to pass');
    t.deepEqual(await candidates(stage), {newer: NEWER});

    const again = await start(t, stage, 'again', [COORDINATED], OLDER);
    await leads(again, 1);
    const killedMs = Date.now();
    await again.stop('SIGKILL');
    await leads(newer, 3, 60_000);
    t.is(await newer.stop(), 0);
    t.deepEqual(
      await candidates(stage),
      {again: OLDER},
      'what was killed stays until the API server collects it',
    );
    t.is((await specOf(stage))?.holderIdentity, '');

    const story = [newer, older, again].flatMap(each => termsOf(each, killedMs)).sort(byBegin);
    t.deepEqual(
      story.map(each => each.name),
      ['newer', 'older', 'newer', 'again', 'newer'],
    );
    t.deepEqual(
      story.map(each => each.transitions),
      [0, 1, 2, 3, 4],
    );
    t.deepEqual(overlaps(story), []);
    t.deepEqual(warnings(newer, older), []);
  },
);

test.serial('replicas of both ways share one Lease while the flag changes', async t => {
  t.timeout(180_000);
  const stage = await setStage(t, {coordinated: true});
  const classic = await start(t, stage, 'classic', []);
  await leads(classic, 1);
  const coordinated = await start(t, stage, 'coordinated', [COORDINATED]);
  await eventually('the API server prefers its candidate', async () => {
    return (await specOf(stage))?.preferredHolder === 'coordinated';
  });
  await renewedTwice(stage);
  t.is(termsOf(classic).length + termsOf(coordinated).length, 1, 'whoever takes no part goes on leading');

  t.is(await classic.stop(), 0);
  await leads(coordinated, 1);
  const back = await start(t, stage, 'back', []);
  await back.line('sight of the leader', line => line.holder === 'coordinated');
  await renewedTwice(stage);
  t.is(await coordinated.stop(), 0);
  await leads(back, 1);
  t.is(await back.stop(), 0);

  const story = [classic, coordinated, back].flatMap(each => termsOf(each)).sort(byBegin);
  t.deepEqual(
    story.map(each => each.name),
    ['classic', 'coordinated', 'back'],
  );
  t.deepEqual(overlaps(story), []);
  t.deepEqual(warnings(classic, coordinated, back), []);
});

test.serial('a server without LeaseCandidates is led on in the classic way', async t => {
  t.timeout(60_000);
  const stage = await setStage(t);
  const operator = await start(t, stage, 'alone', [COORDINATED]);
  await leads(operator, 1);
  t.deepEqual(warnings(operator), [
    'leader election goes the classic way: the API server serves no LeaseCandidate in coordination.k8s.io/v1beta1',
  ]);
  t.is(await operator.stop(), 0);
});

test.serial('where candidates are kept and nobody assigns, the Lease is taken after a while', async t => {
  t.timeout(120_000);
  const stage = await setStage(t, {runtimeConfig: {'coordination.k8s.io/v1beta1': true}});
  const operator = await start(t, stage, 'alone', [COORDINATED]);
  await leads(operator, 1, 60_000);
  t.deepEqual(warnings(operator), [
    'leader election goes the classic way: nobody has assigned the Lease for 30 seconds',
  ]);
  t.is(await operator.stop(), 0);
  t.is((await specOf(stage))?.holderIdentity, '');
});

async function start(t: ExecutionContext, {cluster}: Stage, name: string, flags: string[], version?: string) {
  const program = await startOperator(cluster.kubeconfig, flags, name, version);
  t.teardown(() => program.stop('SIGKILL'));
  return program;
}

/** Waits for the n-th term of an operator. */
const leads = (operator: Program, n: number, withinMs?: number) =>
  operator.line(`term ${n}`, () => operator.lines.filter(leading).length >= n, withinMs);

async function specOf({lease}: Stage) {
  return (await lease(SYSTEM, ownLeaseName('leasepolicy')))?.spec;
}

/** Waits for two renewals, in which a holder sees all that is in the record. */
async function renewedTwice(stage: Stage): Promise<void> {
  for (const _ of Array(2)) {
    const before = (await specOf(stage))?.renewTime;
    await eventually('a renewal', async () => (await specOf(stage))?.renewTime !== before);
  }
}

/** The emulation version of each candidate. */
async function candidates({kubectl}: Stage): Promise<Record<string, string>> {
  const text = await kubectl(['get', 'leasecandidates', '--namespace', SYSTEM, '--output=json']);
  const {items} = JSON.parse(text) as {items: (KubeObject & {spec: {emulationVersion: string}})[]};
  return Object.fromEntries(items.map(({metadata, spec}) => [metadata.name, spec.emulationVersion]));
}

type TermSeen = {name: string; beginMs: number; endMs: number; transitions: unknown};

/** From the first moment in which an operator may write to the last; one that was killed ended then. */
function termsOf({name, lines}: Program, killedMs = Number.POSITIVE_INFINITY): TermSeen[] {
  const ends = lines.filter(left).map(timeOf);
  return lines.filter(leading).map((line, i) => ({
    name,
    beginMs: timeOf(line),
    endMs: ends[i] ?? killedMs,
    transitions: line.transitions,
  }));
}

const left = (line: Line) => line.message === 'no longer leading';
const timeOf = (line: Line) => Date.parse(String(line.timestamp));
const byBegin = (one: TermSeen, other: TermSeen) => one.beginMs - other.beginMs;
const reasons = ({lines}: Program) => lines.filter(left).map(each => each.reason);

/** Terms that began before the one before had ended. */
const overlaps = (story: TermSeen[]) => story.filter((each, i) => each.beginMs < (story[i - 1]?.endMs ?? 0));

/** What was not as it should be with the election; a young server also breaks watches off. */
const warnings = (...operators: Program[]) =>
  operators
    .flatMap(each => each.lines)
    .filter(each => each.level !== 'info')
    .map(each => String(each.message))
    .filter(each => each.startsWith('leader election'));
