/** The flags that commands share, called as kubectl calls them. */
import {Argument, InvalidArgumentError, Option} from 'commander';

export const OUTPUTS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type Output = (typeof OUTPUTS)[number];

/** What clusterOptions give. */
export type ClusterFlags = {namespace?: string; context?: string; kubeconfig?: string};
export type OutputFlags = {output?: Output};
export type FileFlags = {filename?: string[]};

export const argument = (name: string, description: string) => new Argument(name, description);
export const option = (flags: string, description: string) => new Option(flags, description);

/** Which cluster, and which namespace of it. */
export const clusterOptions = (namespace = 'namespace, by default that of the context') => [
  option('-n, --namespace <name>', namespace).argParser(notEmpty),
  option('--context <name>', 'context of the kubeconfig, by default the current one').argParser(notEmpty),
  option('--kubeconfig <file>', 'kubeconfig, by default that of KUBECONFIG or ~/.kube/config').argParser(
    notEmpty,
  ),
];

export const allNamespacesOption = () => option('-A, --all-namespaces', 'all namespaces');

export const selectorOption = () =>
  option('-l, --selector <selector>', 'labels, such as team=payments,tier!=db');

export const watchOption = () => option('-w, --watch', 'go on and print what changes');

/** Which operator is meant, where its namespace, its name or its user are not those of the installation. */
export type OperatorFlags = {
  operator: string;
  operatorUser?: string;
  installation?: string;
  catalogue?: string;
};
const operatorOption = () =>
  option('--operator <namespace/deployment>', 'the operator that is meant').default(
    'leasepolicy-system/leasepolicy',
  );
const catalogueOption = () =>
  option('--catalogue <file>', 'further well-known Leases, as the operator has them').argParser(notEmpty);
export const operatorOptions = () => [
  operatorOption(),
  option(
    '--operator-user <name>',
    'user that it is, by default the one that its objects name, or its service account',
  ).argParser(notEmpty),
  option('--installation <name>', 'its ClusterRole, by default as its Deployment says'),
  catalogueOption(),
];

/** The first of the formats is the default. */
export const outputOption = (...formats: [Output, ...Output[]]) =>
  option('-o, --output <format>', 'how it is printed').choices(formats).default(formats[0]);

/** May be given several times. */
export const fileOption = (description = 'file, folder or - of manifests') =>
  option('-f, --filename <file>', description).argParser<string[]>((file, before = []) => [
    ...before,
    notEmpty(file),
  ]);

/** A whole number in a range, both ends included. */
export const countOption = (flags: string, description: string, min: number, max: number) =>
  option(flags, description).argParser(value => {
    if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max)
      throw new InvalidArgumentError(`write a whole number from ${min} to ${max}`);
    return Number(value);
  });

/** Of check: what CI systems read is a format too. */
export const checkOptions = () => [
  option('-n, --namespace <name>', 'namespace of objects that name none').argParser(notEmpty),
  option('-o, --output <format>', 'how it is printed')
    .choices(['table', 'wide', 'json', 'yaml', 'sarif', 'junit'])
    .default('table'),
  option('--fail-on <severity>', 'least weight that makes the exit code 2')
    .choices(['error', 'warning', 'info', 'never'])
    .default('error'),
  option('--skip <rule>', 'rule that is not looked at; may be given several times').argParser<string[]>(
    (rule, before = []) => [...before, ...rule.split(',')],
  ),
  option('--explain <rule>', 'print what a rule is about, with examples').argParser(notEmpty),
];

export const testOptions = () => [
  option('-o, --output <format>', 'how it is printed')
    .choices(['table', 'wide', 'json', 'yaml', 'junit'])
    .default('table'),
  operatorOption(),
  catalogueOption(),
];

export function notEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('write a text that is not empty');
  return value;
}

/** Words of a closed set, with commas between them; may be given several times. */
export const wordsOption = (flags: string, description: string, words: readonly string[]) =>
  option(flags, `${description}: ${words.join(', ')}`).argParser<string[]>((text, before = []) => {
    const given = text.split(',').map(each => each.trim());
    if (given.some(each => !words.includes(each)))
      throw new InvalidArgumentError(`write some of ${words.join(', ')}, with commas between them`);
    return [...new Set([...before, ...given])];
  });
