/** Durations of elections, and the figures that follow from them. */
import test from 'ava';
import {durationText, goDuration} from '../../../src/core/lint/duration.ts';
import {ids, lintedObjects, workload} from '../../support/lint.ts';

const FLAGS = ['lease-duration', 'renew-deadline', 'retry-period'];
const timed = (...durations: string[]) => {
  const args = durations.flatMap((each, at) => (each === '' ? [] : [`--leader-elect-${FLAGS[at]}=${each}`]));
  return lintedObjects([workload({args: ['--leader-elect', ...args]})]);
};

for (const [durations, expected] of [
  [['15s', '10s', '2s'], ['LP403']],
  [['10s', '10s', '2s'], ['LP401']],
  [['15s', '16s', '2s'], ['LP401']],
  [['15s', '10s', '9s'], ['LP401']],
  [
    ['15s', '10s', '8.3s'],
    ['LP403', 'LP404'],
  ],
  [
    ['8s', '10s', '9s'],
    ['LP401', 'LP401'],
  ],
  [['8s'], ['LP402']],
  [['', '20s'], ['LP402']],
  [['', '', '12s'], ['LP402']],
  [['60s', '40s'], ['LP403']],
  [
    ['15s', '10s', '6s'],
    ['LP403', 'LP404'],
  ],
  [
    ['15s', '14.5s', '2s'],
    ['LP403', 'LP404'],
  ],
  [['15s', '10s', '0s'], []],
  [['$(LEASE)'], []],
] as const) {
  test(`${durations.join(' > ')}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(timed(...durations)), [...expected]);
  });
}

// OpenShift's figures for its own: 30 s of skew, 78 s without the API server, 163 s after a crash, 26 s after a release.
for (const [durations, figures] of [
  [
    ['137s', '107s', '26s'],
    ['30s', '1m18s', '2m43s', '26s'],
  ],
  [
    ['15s', '10s', '2s'],
    ['5s', '8s', '17s', '2s'],
  ],
  [
    ['60s', '40s', '15s'],
    ['20s', '15s', '1m15s', '15s'],
  ],
] as const) {
  test(`the figures of ${durations.join(', ')}`, t => {
    const [skew, downtime, crash, release] = figures;
    t.is(
      timed(...durations).find(({rule}) => rule === 'LP403')?.message,
      `clocks may run ${skew} apart, the API server may be away for ${downtime}, and the next one leads within ${crash} of a crash and ${release} of a release`,
    );
  });
}

test('a conflict names both, and says which one is a default', t => {
  t.is(timed('10s', '15s')[0]?.message, 'the lease duration (10s) must be above the renew deadline (15s)');
  t.is(
    timed('8s')[0]?.message,
    'the lease duration (8s) must be above the renew deadline (10s, the default of client-go)',
  );
});

for (const [text, ms] of [
  ['15s', 15_000],
  ['1m30s', 90_000],
  ['1.5h', 5_400_000],
  ['.5s', 500],
  ['500ms', 500],
  ['100µs', 0.1],
  ['0', 0],
  ['-1s', -1000],
  ['15', undefined],
  ['', undefined],
  ['s', undefined],
  ['15 s', undefined],
  ['1d', undefined],
] as const) {
  test(`Go reads ${JSON.stringify(text)} as ${ms} ms`, t => {
    t.is(goDuration(text), ms);
  });
}

for (const [ms, text] of [
  [0, '0s'],
  [500, '500ms'],
  [1500, '1.5s'],
  [15_000, '15s'],
  [90_000, '1m30s'],
  [3_600_000, '1h'],
  [3_661_000, '1h1m1s'],
] as const) {
  test(`${ms} ms are ${text} for people`, t => {
    t.is(durationText(ms), text);
  });
}
