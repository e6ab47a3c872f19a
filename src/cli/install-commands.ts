/** What the commands are called and take that put LeasePolicy into a cluster, take it away and look after it. */
import type {CommandSpec} from './commands.ts';
import {clusterOptions, notEmpty, option, outputOption, wordsOption} from './options.ts';
import {PART_NAMES} from './parts.ts';

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
