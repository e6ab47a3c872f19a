/** The command behind `make bench`; BENCH=scale, BENCH=renewals, BENCH=heartbeats or BENCH=start does one of them. */
import path from 'node:path';
import {buildGoProgram} from '../dev/controlplane/binaries.ts';
import {ROOT} from '../dev/programs.ts';
import {measureHeartbeats} from './heartbeats.ts';
import {measureRenewals} from './renewals.ts';
import {measureScale} from './scale.ts';
import {measureStart} from './start.ts';

const MEASUREMENTS = {
  scale: measureScale,
  renewals: measureRenewals,
  heartbeats: measureHeartbeats,
  start: measureStart,
};

const only = process.env.BENCH;
const harness = await buildGoProgram(path.join(ROOT, 'bench/harness'), 'harness');
for (const [name, measure] of Object.entries(MEASUREMENTS))
  if (only === undefined || only === name) await measure(harness);
