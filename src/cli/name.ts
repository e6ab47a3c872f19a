/** Prints the name of the Lease of a workload, by the policies of a cluster or of files. */
import {legible} from '../core/legible.ts';
import {isPolicy, rulesOf} from '../core/manifest/manifest.ts';
import {isNameOf, isNamespaceName} from '../core/naming/name.ts';
import type {Rules} from '../core/naming/rules.ts';
import {
  type Asked,
  type GivenName,
  meansKind,
  namesGiven,
  parseSubject,
  type Question,
} from '../core/naming/subject-names.ts';
import type {SystemRules} from '../core/naming/system-rules.ts';
import {labelsOfNamespace} from '../core/selector.ts';
import type {Answer, Unknown} from './cluster/name-in-cluster.ts';
import type {Call} from './command.ts';
import {type Found, invalidPolicy, readManifests} from './files/manifests.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {ClusterFlags, FileFlags, OutputFlags} from './terminal/options.ts';
import {type Column, print} from './terminal/output.ts';

type Flags = ClusterFlags & FileFlags & OutputFlags;

export async function run({args: [text = ''], flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  const asked = parseSubject(text);
  if (!asked) {
    const next = 'write its kind and name, such as deployment/api';
    throw new Failure('Usage', `${text} is no workload`, next);
  }
  checkNames(asked, flags.namespace);
  const {question, policies, unknown} = flags.filename
    ? fromFiles(await readManifests(flags.filename, streams), {...asked, namespace: flags.namespace})
    : await (await import('./cluster/name-in-cluster.ts')).fromCluster(flags, asked);
  const {names, others} = namesGiven(question, policies);
  const rows = names.map(checked);
  if (rows.length === 0) throw noName(question, others);
  if (flags.output === 'table') streams.stdout.write(rows.map(({lease}) => `${lease}\n`).join(''));
  else {
    const view = {rows, columns: COLUMNS, document: () => ({names: rows}), name: nameOf, empty: ''};
    await print(view, flags.output ?? 'table', streams);
  }
  for (const note of notesOf(rows, unknown)) streams.stderr.write(`note: ${legible(note, NOTE_MOST)}\n`);
  return EXIT.done;
}

/** What can't be there has no name. */
function checkNames({kind, name}: Asked, namespace: string | undefined): void {
  const next = 'write lower-case letters and digits, with - between them';
  if (!isNameOf(kind, name)) throw new Failure('Usage', `no ${kind} can be called ${name}`, next);
  if (namespace !== undefined && !isNamespaceName(namespace))
    throw new Failure('Usage', `no namespace can be called ${namespace}`, next);
}

const NOTE_MOST = 1024;

/** What the names rest on that nobody has looked at. */
function notesOf(rows: readonly Row[], unknown: Answer['unknown']): string[] {
  return (['namespaceSelector', 'selector'] as const).flatMap(selector => {
    const {because, isMissing = false} = unknown[selector] ?? {};
    const policies = rows.filter(({assumed}) => assumed.includes(selector)).map(({policy}) => policy);
    if (because !== undefined && policies.length > 0)
      return `${because}: its labels are taken to be those that ${policies.join(', ')} selects`;
    return isMissing ? `${because}: this is the name that the Lease would have` : [];
  });
}

type Row = Omit<GivenName, 'result'> & {readonly lease: string};

const nameOf = ({lease}: Row) => `lease.coordination.k8s.io/${lease}`;

const COLUMNS: readonly Column<Row>[] = [
  {title: 'Name', text: ({lease}) => lease},
  {title: 'Namespace', text: ({namespace}) => namespace},
  {title: 'Policy', text: ({policy}) => policy},
  {title: 'Subject', text: ({subject}) => subject},
  {title: 'Assumed', text: ({assumed}) => assumed.join(',')},
];

/** A name that can't be is no name: nothing is printed of the others. */
function checked({result, ...given}: GivenName): Row {
  if ('name' in result) return {lease: result.name, ...given};
  const what = `policy ${given.policy} gives ${given.subject} no name`;
  throw new Failure('Refused', `${what} (${result.message})`, 'correct naming.template, or the labels');
}

function noName({kind, name, namespace}: Question, others: readonly {policy: string; because: string}[]) {
  const what = `no policy gives ${kind}/${name} in namespace ${namespace} a Lease`;
  if (others.length === 0) return new Failure('NotFound', what, 'there are no policies: apply one');
  const reasons = others.map(({policy, because}) => `${policy} ${because}`);
  return new Failure('NotFound', what, `see the selectors of the policies, as ${reasons.join('; ')}`);
}

type Subject = {kind: string; name: string; namespace: string | undefined};

function fromFiles(found: readonly Found[], {kind, name, namespace: given}: Subject): Answer {
  const workload = found.find(
    ({manifest}) =>
      meansKind(kind, manifest) &&
      manifest.metadata.name === name &&
      (given === undefined || (manifest.metadata.namespace ?? given) === given),
  )?.manifest;
  const namespace = given ?? workload?.metadata.namespace ?? 'default';
  const place = found.find(
    ({manifest}) => manifest.kind === 'Namespace' && manifest.metadata.name === namespace,
  );
  const policies = found.filter(({manifest}) => isPolicy(manifest));
  if (policies.length === 0) {
    const files = [...new Set(found.map(({file}) => file))].join(', ') || 'the files';
    throw new Failure('InvalidFile', `there is no LeasePolicy in ${files}`, 'add one by another -f');
  }
  const question = {
    kind,
    name,
    namespace,
    labels: workload && (workload.metadata.labels ?? {}),
    namespaceLabels: place && labelsOfNamespace(namespace, place.manifest.metadata.labels),
  };
  const notIn = (what: string): Unknown => ({because: `no file holds ${what}`, isMissing: false});
  return {
    question,
    policies: policies.map(compiled),
    unknown: {
      selector: notIn(`${kind}/${name} of namespace ${namespace}`),
      namespaceSelector: notIn(`namespace ${namespace}`),
    },
  };
}

function compiled(found: Found): Rules | SystemRules {
  const rules = rulesOf(found.manifest);
  if (Array.isArray(rules)) throw invalidPolicy(found, rules);
  return rules;
}
