/** Import it where waits between two tries must take no time: the product's one way to wait ends at the next turn. */
import {syncBuiltinESMExports} from 'node:module';
import timers from 'node:timers/promises';

timers.setTimeout = (async () => {
  await new Promise(resolve => setImmediate(resolve));
}) as typeof timers.setTimeout;
syncBuiltinESMExports();
