/** Rollouts in which the old Pod waits for the new one and the new one for the old. */
import test from 'ava';
import {ids, lintedObjects, workload} from '../../support/lint.ts';

const probe = (path: string) => ({httpGet: {path, port: 8080}});
const rolling = (maxUnavailable: unknown) => ({rollingUpdate: {maxUnavailable}});
type Options = Parameters<typeof workload>[0];
const asking = (path: string, options: Options = {}) => workload({readiness: probe(path), ...options});

for (const [what, object, expected] of [
  ['one replica with the default strategy', asking('/leader'), ['LP601']],
  ['three replicas with it, of which a quarter is none', asking('/leader', {replicas: 3}), ['LP601']],
  ['four replicas, of which a quarter is one', asking('/leader', {replicas: 4}), []],
  ['none less', asking('/is-leader', {replicas: 4, strategy: rolling(0)}), ['LP601']],
  ['none less in percent', asking('/leaderz', {replicas: 4, strategy: rolling('0%')}), ['LP601']],
  ['one less', asking('/leader', {strategy: rolling(1)}), []],
  ['nobody can tell', asking('/leader', {strategy: rolling({})}), []],
  ['all old ones end first', asking('/leader', {strategy: {type: 'Recreate'}}), []],
  ['a StatefulSet ends the old one first', asking('/leader', {kind: 'StatefulSet'}), []],
  ['a command', workload({readiness: {exec: {command: ['/check', '--is-leader']}}}), ['LP601']],
  ['whether a leader still renews', asking('/healthz/leaderElection'), []],
  ['health', asking('/healthz'), []],
  ['no probe', workload(), []],
  ['a probe that is no map', workload({readiness: [] as unknown as object}), []],
  [
    'readyz, none less, and it elects',
    asking('/readyz', {args: ['--leader-elect'], strategy: rolling(0)}),
    ['LP602'],
  ],
  ['readyz and none less', asking('/readyz', {strategy: rolling(0)}), []],
  ['readyz with the default strategy', asking('/readyz', {args: ['--leader-elect']}), []],
] as const) {
  test(`${what}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(lintedObjects([object])), [...expected]);
  });
}
