/** One Lease, candidates of two languages: ours and client-go's keep to the same record and the same rules. */
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {buildGoProgram} from '../../dev/controlplane/binaries.ts';
import {run} from '../../dev/controlplane/process.ts';
import {leads, type Program, ROOT} from '../../dev/programs.ts';
import {auditEvents, heldRecords} from '../../dev/trust/audit.ts';
import {miscounts, overlaps, type Reign} from '../../dev/trust/invariant.ts';
import {formatMicroTime, parseMicroTime} from '../../src/core/lease/microtime.ts';
import {eventually} from '../support/eventually.ts';
import {type Stage, setStage} from '../support/stage.ts';

type Kind = 'ours' | 'client-go';

const LOCK = {namespace: 'default', lease: 'shared'};
const SHORT = ['-lease-duration', '2s', '-renew-deadline', '1500ms', '-retry-period', '300ms'];
const LONG = ['-lease-duration', '5s', '-renew-deadline', '3s', '-retry-period', '400ms'];

const start = (stage: Stage, kind: Kind, identity: string, flags: readonly string[]) =>
  kind === 'ours'
    ? Promise.resolve(stage.nodeCandidate({...LOCK, identity, flags}))
    : stage.candidate({...LOCK, identity, flags});

const timeOf = ({time}: {time?: unknown}) => Date.parse(`${time}`);
const ledAtMs = async (program: Program) => timeOf(await program.line('leading', leads));

async function sees(program: Program, holder: string): Promise<void> {
  await program.line(`a look at ${holder}`, line => line.event === 'observed' && line.holder === holder);
}

/** With the responses of writes to Leases, so that every version of the record is there. */
const AUDIT = path.join(ROOT, 'test/support/lease-audit.yaml');

async function recordsOf(stage: Stage) {
  return heldRecords(await auditEvents(stage.cluster.auditLog ?? ''), LOCK.namespace, LOCK.lease);
}

const PAIRS: [leader: Kind, standby: Kind][] = [
  ['ours', 'client-go'],
  ['client-go', 'ours'],
];

for (const [leader, standby] of PAIRS) {
  for (const [what, flags, standbyFlags, durationMs] of [
    ['a shorter', SHORT, LONG, 2_000],
    ['a longer', LONG, SHORT, 5_000],
  ] as const) {
    test(`${leader} with ${what} duration is killed: ${standby} waits for the duration of the record`, async t => {
      const stage = await setStage(t);
      const first = await start(stage, leader, 'first', flags);
      await first.line('leading', leads);
      const second = await start(stage, standby, 'second', standbyFlags);
      await sees(second, 'first');
      await first.stop('SIGKILL');
      const left = await stage.lease(LOCK.namespace, LOCK.lease);
      const renewedAtMs = parseMicroTime(left?.spec?.renewTime) ?? 0;
      const waitedMs = (await ledAtMs(second)) - renewedAtMs;
      t.true(waitedMs >= durationMs - 20, `${waitedMs} ms after the last renewal`);
      // client-go looks only once in a retry period, with a jitter of 1.2.
      t.true(waitedMs < durationMs + 2_500, `${waitedMs} ms after the last renewal`);
      t.log(`${waitedMs} ms after the last renewal`);
      const record = (await stage.lease(LOCK.namespace, LOCK.lease))?.spec;
      t.like(record, {holderIdentity: 'second', leaseTransitions: 1});
    });
  }
}

/** The processes that took part, with the time of the signal that ended each. */
type Reigns = {program: Program; endedAtMs: number}[];

function reignsOf(history: Reigns): Reign[] {
  return history.flatMap(({program, endedAtMs}) => {
    const line = program.lines.find(leads);
    return line ? [{identity: program.name, fromMs: timeOf(line), toMs: endedAtMs}] : [];
  });
}

async function handOver(
  t: ExecutionContext,
  stage: Stage,
  times: number,
): Promise<{history: Reigns; tookMs: Record<Kind, number[]>}> {
  const tookMs: Record<Kind, number[]> = {ours: [], 'client-go': []};
  const history: Reigns = [];
  let leader = await start(stage, 'ours', 'ours-0', SHORT);
  await leader.line('leading', leads);
  for (let turn = 1; turn <= times; turn += 1) {
    const kind = turn % 2 === 0 ? 'ours' : 'client-go';
    const next = await start(stage, kind, `${kind}-${turn}`, SHORT);
    await sees(next, leader.name);
    const endedAtMs = Date.now();
    const stopped = leader.stop('SIGTERM');
    history.push({program: leader, endedAtMs});
    tookMs[kind].push((await ledAtMs(next)) - endedAtMs);
    t.is(await stopped, 0);
    leader = next;
  }
  history.push({program: leader, endedAtMs: Date.now()});
  return {history, tookMs};
}

test('a hundred releases go to and fro between ours and client-go: never two holders, and each is counted', async t => {
  t.timeout(240_000);
  const stage = await setStage(t, {auditPolicy: AUDIT});
  const {history, tookMs} = await handOver(t, stage, 100);
  t.deepEqual(overlaps(reignsOf(history)), []);
  const records = await eventually('the whole log', async () => {
    const found = await recordsOf(stage);
    return found.at(-1)?.transitions === 100 && found;
  });
  t.deepEqual(miscounts(records), []);
  t.is(new Set(records.map(({holder}) => holder)).size, 102, 'a hundred and one holders, and nobody');
  for (const [kind, all] of Object.entries(tookMs)) {
    const sorted = all.toSorted((a, b) => a - b);
    t.log(`${kind} led after ${sorted[sorted.length >> 1]} ms in the median, ${sorted.at(-1)} ms at most`);
  }
});

test('ours and client-go write and read the same times: 100,000 of each, within a microsecond', async t => {
  const program = await buildGoProgram(path.join(ROOT, 'dev/candidate'), 'candidate');
  const translate = async (lines: readonly string[]) => {
    const {code, stdout, stderr} = await run(program, ['-microtime'], {input: `${lines.join('\n')}\n`});
    if (code !== 0) throw new Error(stderr);
    return stdout.trimEnd().split('\n');
  };
  // Years 1970 to 2255, in which a double holds each microsecond, and a few edges.
  const random = Array.from({length: 100_000}, () => Math.floor(Math.random() * 9e15));
  const micros = [0, 1, 999_999, 1_000_000, 1_700_000_000_000_001, ...random];
  const ours = micros.map(us => formatMicroTime(us / 1000));
  const read = await translate(ours);
  // A double of milliseconds keeps a microsecond only below 2^53 / 1024 of them; the text is what counts.
  const wrong = read.filter((text, index) => Math.abs(Number(text) - (micros[index] ?? 0)) > 1);
  t.deepEqual(wrong.slice(0, 3), []);
  t.true(ours.every(text => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(text)));

  const theirs = await translate(micros.map(String));
  t.deepEqual(
    theirs
      .filter((text, index) => parseMicroTime(text) !== Math.floor((micros[index] ?? 0) / 1000))
      .slice(0, 3),
    [],
  );
});
