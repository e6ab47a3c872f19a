/** A list of kubeconfigs, of which some are not there. */

import path from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {skipMissingKubeconfigs, withoutMissing} from '../../src/runtime/kubeconfig-files.ts';

const here = fileURLToPath(import.meta.url);
const there = path.dirname(here);
const listed = (...files: string[]) => files.join(path.delimiter);

test('files that are not there are skipped, and the order of the others stays', t => {
  t.is(withoutMissing(listed('/none', there, '', here, '/nothing')), listed(there, here));
});

test('one that can not be looked at is not taken for one that is not there: its cluster may be the one that is meant', t => {
  const hidden = path.join(here, 'kubeconfig'); // ENOTDIR, as a folder without rights is none for root
  t.is(withoutMissing(listed(hidden, there)), listed(hidden, there));
});

test('where none is there, the list stays for whoever says so', t => {
  t.is(withoutMissing('/none'), '/none');
  t.is(withoutMissing(listed('/none', '/nothing')), listed('/none', '/nothing'));
});

test('the variable is changed for the library, and one that is not set stays so', t => {
  const env = {KUBECONFIG: listed('/none', here)};
  skipMissingKubeconfigs(env);
  t.deepEqual(env, {KUBECONFIG: here});
  const none = {};
  skipMissingKubeconfigs(none);
  t.deepEqual(none, {});
});
