/** What the commands are called and take that put LeasePolicy into a cluster, take it away and look after it. */
import {PART_NAMES} from './cluster/parts.ts';
import type {CommandSpec} from './command.ts';
import {argument, clusterOptions, notEmpty, option, outputOption, wordsOption} from './terminal/options.ts';

export const install: CommandSpec = {
  name: 'install',
  summary: 'install LeasePolicy in the cluster, or print its manifests',
  description:
    'By server-side apply of what config/default has, in the right order. Before the first write it asks for every right and lets the API server rehearse, so that nothing is half-installed.',
  examples: [
    'install --image example.com/leasepolicy:0.1.0',
    'install --with flowcontrol,monitoring',
    'install --print | kubectl apply -f -',
  ],
  options: () => [
    ...clusterOptions('namespace of the operator, by default leasepolicy-system'),
    option('--image <reference>', 'image of the operator, as you have pushed it').argParser(notEmpty),
    wordsOption('--with <parts>', 'what comes beside it, of', PART_NAMES),
    option('--print', 'print the manifests; nothing is asked of a cluster'),
    option('--force-conflicts', 'take over fields that other managers have set'),
    outputOption('table', 'json'),
  ],
  load: () => import('./install.ts'),
};

export const uninstall: CommandSpec = {
  name: 'uninstall',
  summary: 'remove LeasePolicy from the cluster, or the Leases of one product',
  description:
    'What refuses requests goes first. Leases stay, as Pods may hold them, and so does what others have made; each line says why. LeasePolicies are asked about.',
  examples: [
    'uninstall --print',
    'uninstall --yes --keep-policies',
    'uninstall --leases-of shop/deployment/api',
  ],
  options: () => [
    ...clusterOptions('namespace of the operator, by default where it is installed'),
    option('--yes', 'do not ask; the policies go, too'),
    option('--keep-policies', 'keep the LeasePolicies and their definition'),
    option('--leases-of <workload>', 'only the Leases of NAMESPACE/KIND/NAME that nobody holds').argParser(
      notEmpty,
    ),
    option('--print', 'print what would be removed, and remove nothing'),
    outputOption('table', 'json'),
  ],
  load: () => import('./uninstall.ts'),
};

export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'look at what LeasePolicy depends on in the cluster, or at who can take a Lease',
  description:
    'Each check is ok, warn or fail, and says what to do next. who-can goes by RBAC alone. The exit code is 2 when a check fails, or when a stranger can take the Lease.',
  examples: ['doctor', 'doctor -o json', 'doctor who-can shop/payments-14c2529eb4'],
  arguments: [
    argument('[topic]', 'who-can, or nothing'),
    argument('[lease]', 'namespace and name of a Lease, for who-can'),
  ],
  options: () => [...clusterOptions(), outputOption('table', 'json')],
  load: () => import('./doctor.ts'),
};
