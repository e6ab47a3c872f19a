/** Wrong calls of uninstall and doctor, which ask nothing of a cluster. */
import test from 'ava';
import {call} from '../support/command.ts';
import {writeKubeconfig} from '../support/small-cluster.ts';

for (const [args, sentence] of [
  [['doctor', 'me'], /^leasepolicy: doctor knows no me: write doctor, or doctor who-can NAMESPACE\/LEASE\n$/],
  [
    ['doctor', 'who-can'],
    /^leasepolicy: who-can needs the name of a Lease: write doctor who-can NAMESPACE\/LEASE, or lease\/LEASE/,
  ],
  [['doctor', 'who-can', 'lease/'], /^leasepolicy: "lease\/" is no Lease/],
  [['doctor', 'who-can', 'a/b/c'], /^leasepolicy: "a\/b\/c" is no Lease/],
  [['uninstall'], /^leasepolicy: nothing was removed, as there is no terminal to ask on: write --yes .*\n$/],
  [
    ['uninstall', '--yes', '--leases-of', 'x'],
    /^leasepolicy: --leases-of x is no workload: write NAMESPACE\/KIND\/NAME/,
  ],
  [['uninstall', '--leases-of', 'api'], /^leasepolicy: --leases-of api is no workload: write NAMESPACE/],
  [['doctor'], /^leasepolicy: the API server can't be reached \(.*ECONNREFUSED.*\): see that it runs/],
  [['doctor', 'who-can', 'a/b'], /^leasepolicy: the API server can't be reached/],
  [['uninstall', '--yes'], /^leasepolicy: the API server can't be reached/],
  [['uninstall', '--yes', '--leases-of', 'a/deploy/b'], /^leasepolicy: the API server can't be reached/],
  [['install'], /^leasepolicy: the API server can't be reached/],
] as const) {
  test(`${args.join(' ')}: one sentence, and with -o json an object`, async t => {
    // Nobody serves there.
    const where = `--kubeconfig=${await writeKubeconfig(t, 'https://127.0.0.1:1')}`;
    const {code, stdout, stderr} = await call([...args, where]);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, sentence);
    t.is(stderr.trim().split('\n').length, 1);
    const json = await call([...args, where, '-o', 'json']);
    t.is(json.code, 1);
    t.is(typeof JSON.parse(json.stdout).error.message, 'string');
  });
}
