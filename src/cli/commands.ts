/**
 * Every command of the command line, in the order of its help: what it is called and takes. What it does is in a file
 * of its own, which is loaded when it is called, so that each command starts as fast as it can.
 */
import {watchForOption} from './cluster/watch-for.ts';
import type {CommandSpec} from './command.ts';
import {doctor, install, uninstall} from './install-commands.ts';
import {
  allNamespacesOption,
  argument,
  checkOptions,
  clusterOptions,
  fileOption,
  operatorOptions,
  outputOption,
  selectorOption,
  testOptions,
  watchOption,
} from './terminal/options.ts';

const LEASE_OUTPUT = () => outputOption('table', 'wide', 'json', 'yaml', 'name');

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'get',
    aliases: ['list'],
    summary: 'list Leases with their class, subject, holder, state and findings',
    description:
      'Also those that no policy names. The state is told by the times in the Leases, so it is as good as the clocks of their holders.',
    examples: ['get -n shop', 'get -A -o wide', 'get -n shop -l team=payments --watch', 'get -A -o json'],
    arguments: [argument('[names...]', 'names of Leases, by default all')],
    options: () => [
      ...clusterOptions(),
      allNamespacesOption(),
      selectorOption(),
      watchOption(),
      LEASE_OUTPUT(),
      ...operatorOptions(),
    ],
    load: () => import('./get.ts'),
  },
  {
    name: 'explain',
    summary: 'explain a Lease: what it is, whose, who holds it, and what becomes of it',
    description:
      'The operator judges renewals by what it has seen itself, and this command has seen nothing when it starts: so it tells what an operator does that has watched all along, and not before when one that starts now.',
    examples: [
      'explain lease/payments-14c2529eb4 -n shop',
      'explain lease/node-1 -n kube-node-lease -o json',
    ],
    arguments: [argument('<lease>', 'lease/NAME')],
    options: () => [
      ...clusterOptions(),
      outputOption('table', 'json', 'yaml'),
      watchForOption(),
      ...operatorOptions(),
    ],
    load: () => import('./explain.ts'),
  },
  {
    name: 'plan',
    summary: 'print what the operator would do now; exit code 2 where that is something',
    description:
      'By the code of the operator, and nothing is written. As it judges renewals by what it has seen itself, this is the plan of one that starts now; with --watch-for it looks on first.',
    examples: ['plan', 'plan -n shop -o json', 'plan --watch-for 20'],
    options: () => [
      ...clusterOptions('print what concerns this namespace alone, by default everything'),
      allNamespacesOption(),
      outputOption('table', 'json', 'yaml', 'name'),
      watchForOption(),
      ...operatorOptions(),
    ],
    load: () => import('./plan.ts'),
  },
  {
    name: 'render',
    summary: 'print the admission objects of policies as YAML',
    description:
      'What the operator has in the API server for them. Those of a policy from a file have no owner, as it is not in the cluster yet.',
    examples: ['render payments', 'render -f policy.yaml', 'render -f policy.yaml -o json'],
    arguments: [argument('[policies...]', 'names of policies, with -f by default all of the files')],
    options: () => [...clusterOptions(), fileOption(), outputOption('yaml', 'json'), ...operatorOptions()],
    load: () => import('./render.ts'),
  },
  {
    name: 'name',
    summary: 'print the name of the Lease of a workload',
    description:
      'By each policy that selects the workload, one name a line. With -f nothing is asked of a cluster: the files hold the policies, and may hold the workload and its namespace, whose labels count.',
    examples: [
      'name deployment/api -n shop',
      'name deployment/api -n shop -f policy.yaml',
      'name sts/db -n shop -o json',
    ],
    arguments: [argument('<workload>', 'kind and name, such as deployment/api')],
    options: () => [...clusterOptions(), fileOption(), LEASE_OUTPUT()],
    load: () => import('./name.ts'),
  },
  install,
  uninstall,
  doctor,
  {
    name: 'check',
    summary: 'lint manifests for what goes wrong with Leases',
    description:
      'Files, folders with all that is below them, and - for what helm template or kubectl kustomize print. No cluster is asked. What can not be read is told, and the rest is judged all the same.',
    examples: [
      'check config/ policies/',
      'check - < rendered.yaml',
      'check --fail-on warning -o sarif deploy/',
      'check --explain LP105',
    ],
    arguments: [argument('[files...]', 'files, folders or -')],
    options: checkOptions,
    load: () => import('./check.ts'),
  },
  {
    name: 'test',
    summary: 'run policy tests: files that say what policies are expected to do',
    description:
      'A PolicyTest names policies and resources, and expects names of Leases, findings and verdicts of admission. Files, and folders with all that is below them. No cluster is asked: the answers are those of the code of the operator, and of the rules that it puts into the API server.',
    examples: ['test tests/', 'test tests/payments.yaml -o wide', 'test -o junit tests/ > report.xml'],
    arguments: [argument('[files...]', 'files or folders of policy tests, or -')],
    options: testOptions,
    load: () => import('./policy-test.ts'),
  },
  {
    name: 'top',
    summary: 'watch Leases by policy, live on the terminal',
    description:
      'A bar tells how much of its duration has passed since the last renewal. Keys: s sorts, f shows findings alone, / filters, arrows scroll, q ends it.',
    examples: ['top', 'top -n shop'],
    options: () => [...clusterOptions('this namespace alone, by default all'), ...operatorOptions()],
    load: () => import('./top.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    description:
      'For bash: source <(leasepolicy completion bash). With kubectl it is the script by which kubectl completes its plugin.',
    examples: ['completion bash', 'completion zsh', 'completion fish'],
    arguments: [argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish', 'kubectl'])],
    load: () => import('./completion.ts'),
  },
  {
    name: '__complete',
    summary: 'answer a shell that completes a command line',
    examples: ['__complete get --na'],
    arguments: [argument('[words...]', 'words behind the program, the last one to be completed')],
    ownFlags: true,
    hidden: true,
    load: () => import('./complete-words.ts'),
  },
  {
    name: 'run',
    summary: 'run the operator',
    examples: ['run --http-port 0', 'run --help'],
    ownFlags: true,
    load: () => import('./run.ts'),
  },
];
