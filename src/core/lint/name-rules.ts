/** Rules of the names by which programs elect: two that have one name wait for each other for ever. */
import {entryOfName, entryOfPattern, KNOWN} from '../lease/catalogue.ts';
import type {Bundle} from './bundle.ts';
import {type Election, electionOf, type Setting} from './elections.ts';
import {textOfObject} from './object.ts';
import type {LintRule, Remark} from './rule.ts';

const deployment = (name: string, args: string, namespace = 'shop') => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  template:
    spec:
      containers: [{name: main, image: registry.example.com/mailer, args: [${args}]}]`;

const GOOD = deployment('mailer', '--leader-elect, --leader-election-id=mailer.shop.example.com');

/** An election by a name that is given, and known here. */
type Named = {
  readonly election: Election;
  readonly setting: Setting;
  readonly name: string;
  readonly namespace: string;
};

function* namedOf({workloads}: Bundle): Generator<Named> {
  for (const workload of workloads) {
    for (const container of workload.containers) {
      const election = electionOf(workload, container);
      const {name: setting, namespace, isOn} = election;
      const name = setting?.value;
      if (setting && name && namespace !== undefined && isOn !== false)
        yield {election, setting, name, namespace};
    }
  }
}

const remark = ({election: {workload}, setting}: Named, message: string): Remark => ({
  object: workload.object,
  path: setting.path,
  message,
});

/** Names that say nothing of the product, in which programs that have nothing in common agree. */
const GENERIC: ReadonlySet<string> = new Set([
  'controller',
  'controller-leader',
  'controller-leader-election',
  'controller-leader-elect',
  'controller-lock',
  'controller-manager',
  'controller-manager-leader-election',
  'default',
  'election',
  'example',
  'leader',
  'leader-elect',
  'leader-election',
  'leader-election-id',
  'leader-election-lock',
  'leader-lease',
  'leader-lock',
  'leaderelection',
  'lease',
  'lock',
  'manager',
  'master',
  'my-lease',
  'my-lock',
  'operator',
  'operator-leader',
  'operator-leader-election',
  'operator-lock',
  'test',
]);

const catalogued = ({name, namespace}: Named) =>
  entryOfName(KNOWN, {name, namespace}) ?? entryOfPattern(KNOWN, {name, namespace});

const isGeneric = (named: Named) => GENERIC.has(named.name) || catalogued(named)?.generic === true;

const generic: LintRule = {
  id: 'LP501',
  severity: 'warning',
  title: 'An election by a name that many products use',
  why: 'Two products with one name in one namespace wait for each other: one works, the other looks healthy and does nothing. It has happened by controller-leader-election-helper, the former default of controller-runtime (controller-runtime #445). Write the name of the product into it, or let a LeasePolicy give it.',
  bad: deployment('mailer', '--leader-elect, --leader-election-id=leader-election'),
  good: GOOD,
  *find(bundle) {
    for (const named of namedOf(bundle)) {
      if (!isGeneric(named)) continue;
      const message = `${named.name} says nothing of the product, and another one in the namespace may use it too: write its name into it`;
      yield remark(named, message);
    }
  },
};

const scaffolded: LintRule = {
  id: 'LP502',
  severity: 'info',
  title: 'An election by a name that a project generator made',
  why: "Its eight hex digits are a hash of the Go module, so a fork, or a project that was begun as a copy of another, has the same name, and both wait for each other in one namespace (cluster-api-bootstrap-provider-kubeadm #271). It is right in a project that is nobody's copy.",
  bad: deployment('mailer', '--leader-elect, --leader-election-id=f1c5ece8.example.com'),
  good: GOOD,
  *find(bundle) {
    for (const named of namedOf(bundle)) {
      if (catalogued(named)?.scaffold)
        yield remark(
          named,
          `${named.name} comes from a project generator: a fork or a copy of the project has the same`,
        );
    }
  },
};

/** Components whose candidates no Deployment can be, unless it is of another cluster. */
const CONTROL_PLANE = ['kube-controller-manager', 'kube-scheduler'];

function reservedBy(named: Named): string | undefined {
  const {election, name, namespace} = named;
  const {workload, container} = election;
  const isElsewhere = container.words.some(({text}) => /^--?(kubeconfig|master)(=|$)/.test(text));
  const isOfControlPlane = ['Pod', 'DaemonSet'].includes(workload.kind) || isElsewhere;
  if (namespace === 'kube-system' && CONTROL_PLANE.includes(name) && !isOfControlPlane)
    return 'the control plane';
  const entry = catalogued(named);
  return entry?.reserved ? (entry.provider ?? 'the cloud') : undefined;
}

const reserved: LintRule = {
  id: 'LP503',
  severity: 'warning',
  title: 'An election by a name that the cluster itself uses',
  why: 'The control plane, or the cloud that runs the cluster, elects by the same Lease: one of the two never leads. A recommender of the VPA on GKE has stopped horizontal autoscaling so (autoscaler #7461). Give the workload another name.',
  bad: deployment(
    'vpa-recommender',
    '--leader-elect, --leader-elect-resource-name=vpa-recommender, --leader-elect-resource-namespace=kube-system',
  ),
  good: GOOD,
  *find(bundle) {
    for (const named of namedOf(bundle)) {
      const whose = reservedBy(named);
      if (whose !== undefined)
        yield remark(
          named,
          `${named.name} in ${named.namespace} is also the Lease of what ${whose} runs: choose another name`,
        );
    }
  },
};

const workloadText = ({workload: {kind, name}}: Election) => `${kind}/${name}`;

/** One object may stand in several files, such as a base and what is made of it. */
const identityOf = ({workload: {object}}: Election) => textOfObject(object);

/** Each that has a partner of another workload, with the first such one. */
function* shared<T extends {election: Election}>(
  all: readonly T[],
  keyOf: (each: T) => string,
): Generator<[T, T]> {
  const groups = Map.groupBy(all, keyOf);
  for (const group of groups.values()) {
    for (const each of group) {
      const other = group.find(({election}) => identityOf(election) !== identityOf(each.election));
      if (other) yield [each, other];
    }
  }
}

const oneName: LintRule = {
  id: 'LP504',
  severity: 'error',
  title: 'Two workloads elect by one Lease',
  why: 'One of them leads, and the other does nothing for as long as the first one lives, though its Pods are ready. Give each a name of its own; a LeasePolicy does, by a hash of the name of the workload. Two versions of one program that must never work side by side may share one: ignore the rule there.',
  bad: [
    deployment('mailer', '--leader-elect, --leader-election-id=mail'),
    deployment('reader', '--leader-elect, --leader-election-id=mail'),
  ].join('\n---\n'),
  good: [GOOD, deployment('reader', '--leader-elect, --leader-election-id=reader.shop.example.com')].join(
    '\n---\n',
  ),
  *find(bundle) {
    const key = ({name, namespace}: Named) => `${namespace}/${name}`;
    for (const [named, other] of shared([...namedOf(bundle)], key)) {
      const message = `${workloadText(other.election)} elects by Lease ${named.name} too: one of the two never leads`;
      yield remark(named, message);
    }
  },
};

const repositoryOf = (image: string) => image.replace(/@.*$/, '').replace(/:[^/]*$/, '');

/** Programs that make the name of their Lease from something else than their flags say. */
const OWN_NAME = /(^|\/)(csi|livenessprobe)[^/]*$|-csi$|provisioner|attacher|resizer|snapshotter/;

/** Elections of whose Lease nothing is known but that the program itself names it. */
function* unnamedOf({workloads}: Bundle): Generator<{election: Election; setting: Setting}> {
  for (const workload of workloads) {
    for (const container of workload.containers) {
      const election = electionOf(workload, container);
      const {name, namespace, isOn, switch: setting} = election;
      if (
        isOn &&
        setting &&
        !name &&
        namespace !== undefined &&
        !OWN_NAME.test(repositoryOf(container.image))
      )
        yield {election, setting};
    }
  }
}

const programOf = ({container: {image, words}}: Election) => {
  const [first] = words;
  return `${repositoryOf(image)} ${first && !first.text.startsWith('-') ? first.text : ''}`;
};

const oneDefault: LintRule = {
  id: 'LP505',
  severity: 'warning',
  title: 'Two workloads of one program elect by its built-in name',
  why: 'Both run the same image, in one namespace, with the election on and without a name for it, so they elect by one Lease, and one of them does nothing. Give each a name by the flag that the program has, often --leader-election-id. Advisory: a program may make the name from something else.',
  bad: [
    deployment('mailer', '--leader-elect, --queue=a'),
    deployment('reader', '--leader-elect, --queue=b'),
  ].join('\n---\n'),
  good: [GOOD, deployment('reader', '--leader-elect, --leader-election-id=reader.shop.example.com')].join(
    '\n---\n',
  ),
  *find(bundle) {
    const key = ({election}: {election: Election}) => `${election.namespace} ${programOf(election)}`;
    for (const [{election, setting}, other] of shared([...unnamedOf(bundle)], key)) {
      const message = `${workloadText(other.election)} runs the same image, and both elect by its built-in name: one of the two never leads`;
      yield {object: election.workload.object, path: setting.path, message};
    }
  },
};

export const NAME_RULES: readonly LintRule[] = [generic, scaffolded, reserved, oneName, oneDefault];
