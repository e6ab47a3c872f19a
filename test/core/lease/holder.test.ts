/** Whose Pod a holder names: the grammar of Pod names, and what may stand around them. */
import {runInNewContext} from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import {holderRule} from '../../../src/core/admission/holders.ts';
import {
  deploymentOf,
  hostsOf,
  isHeldBy,
  isPodOf,
  type WorkloadName,
  workloadOf,
} from '../../../src/core/lease/holder.ts';
import {policy} from '../../support/builders.ts';
import {read} from '../admission/cel-text.ts';

const UUID = '6fa459ea-ee8a-4ca4-894e-db77e160355e';
const w = (text: string): WorkloadName => {
  const [kind = '', name = ''] = text.split('/');
  return {kind, name};
};
/** A name of this many characters. */
const long = (length: number) => `w${'o'.repeat(length - 2)}k`;

// The parts of a holder

const PARTS: [holder: string, parts: string[]][] = [
  ['', []],
  ['___', []],
  ['web-0', ['web-0']],
  [`web-0_${UUID}`, ['web-0', UUID]],
  ['shop/web-0', ['shop', 'web-0']],
  ['web-0:8080@zone', ['web-0', '8080', 'zone']],
  ['web-0.web.shop.svc', ['web-0.web.shop.svc']],
  ['a_'.repeat(512), Array(512).fill('a')],
  ['a_'.repeat(512).concat('a'), []],
];

for (const [holder, parts] of PARTS) {
  test(`the holder "${holder.slice(0, 40)}" of ${holder.length} characters has ${parts.length} parts`, t => {
    t.deepEqual(hostsOf(holder), parts);
  });
}

// The grammar of Pod names

const PODS: [workload: string, pod: string, isIts: boolean][] = [
  ['Deployment/foo', 'foo-7d9f8-x2x4z', true],
  ['Deployment/foo', 'foo-7d9f8c6b5d-x2x4z', true],
  ['Deployment/foo', 'foo-7d9f8c6b5dd-x2x4z', false],
  ['Deployment/foo', 'foo--x2x4z', false],
  ['Deployment/foo', 'foo-x2x4z', false],
  ['Deployment/foo', 'foo-7d9f8-x2x4', false],
  ['Deployment/foo', 'foo-7d9f8-x2x4zz', false],
  ['Deployment/foo', 'foo-7d9f8-x2x4a', false],
  ['Deployment/foo', 'foo-7d9e8-x2x4z', false],
  ['Deployment/foo', 'foo-7D9F8-x2x4z', false],
  ['Deployment/foo', 'foo-7d9f8-x2x4z\n', false],
  ['Deployment/foo', 'foo-2-7d9f8-x2x4z', false],
  ['Deployment/foo', 'foo-bar-7d9f8-x2x4z', false],
  ['Deployment/foo', 'xfoo-7d9f8-x2x4z', false],
  ['Deployment/foo', 'foo-0', false],
  ['Deployment/foo', 'foo', false],
  ['Deployment/foo', '', false],
  ['Deployment/f.o', 'foo-7d9f8-x2x4z', false],
  ['Deployment/foo-2', 'foo-2-7d9f8-x2x4z', true],
  ['Deployment/f.o', 'f.o-7d9f8-x2x4z', true],

  ['StatefulSet/web', 'web-0', true],
  ['StatefulSet/web', 'web-120', true],
  ['StatefulSet/web', 'web-0-0', false],
  ['StatefulSet/web', 'web-', false],
  ['StatefulSet/web', 'web-x2x4z', false],
  ['StatefulSet/web-0', 'web-0-0', true],
  [`StatefulSet/${long(61)}`, `${long(61)}-0`, true],
  [`StatefulSet/${long(61)}`, `${long(61).slice(0, 58)}x2x4z`, false],

  ['DaemonSet/agent', 'agent-x2x4z', true],
  ['DaemonSet/agent', 'agent-7d9f8-x2x4z', false],
  ['DaemonSet/agent', 'agent-x2x4', false],
  ['DaemonSet/agent', 'agent-0', false],
  ['DaemonSet/agent-7d9f8', 'agent-7d9f8-x2x4z', true],
  [`DaemonSet/${long(57)}`, `${long(57)}-x2x4z`, true],
  [`DaemonSet/${long(58)}`, `${long(58)}x2x4z`, true],
  [`DaemonSet/${long(58)}`, `${long(58)}-x2x4z`, false],
  [`DaemonSet/${long(60)}`, `${long(60).slice(0, 58)}x2x4z`, true],

  [`Deployment/${long(46)}`, `${long(46)}-7d9f8c6b5d-x2x4z`, true],
  [`Deployment/${long(46)}`, `${long(46)}-7d9f8c6b5dx2x4z`, false],
  [`Deployment/${long(47)}`, `${long(47)}-7d9f8c6b5dx2x4z`, true],
  [`Deployment/${long(47)}`, `${long(47)}-7d9f8c6b5-x2x4z`, true],
  [`Deployment/${long(47)}`, `${long(47)}-7d9f8c6x2x4z`, false],
  [`Deployment/${long(56)}`, `${long(56)}-7x2x4z`, true],
  [`Deployment/${long(57)}`, `${long(57)}-x2x4z`, true],
  [`Deployment/${long(58)}`, `${long(58)}x2x4z`, true],
  [`Deployment/${long(59)}`, `${long(59).slice(0, 58)}x2x4z`, true],
  [`Deployment/${long(59)}`, `${long(59).slice(0, 58)}x2x4a`, false],

  ['CloneSet/foo', 'foo-anything', true],
  ['CloneSet/foo', 'foo', false],
  ['CloneSet/foo', 'foobar', false],
];

for (const [workload, pod, isIts] of PODS) {
  test(`${JSON.stringify(pod)} is ${isIts ? 'a' : 'no'} Pod of ${workload}`, t => {
    t.is(isPodOf(w(workload), pod), isIts);
  });
}

// What may stand around a Pod's name

const HOLDERS: [workload: string, holder: string, isIts: boolean][] = [
  ['Deployment/foo', 'foo-7d9f8-x2x4z', true],
  ['Deployment/foo', `foo-7d9f8-x2x4z_${UUID}`, true],
  ['Deployment/foo', `${UUID}_foo-7d9f8-x2x4z`, true],
  ['Deployment/foo', 'shop/foo-7d9f8-x2x4z', true],
  ['Deployment/foo', 'foo-7d9f8-x2x4z@10.0.0.1:80', true],
  ['Deployment/foo', 'foo-7d9f8-x2x4z.example.com', true],
  ['Deployment/foo', 'foo-7d9f8-x2x4z-external-attacher', true],
  ['Deployment/foo', 'foo-7d9f8-x2x4zb', false],
  ['Deployment/foo', 'xfoo-7d9f8-x2x4z', false],
  ['Deployment/foo', 'x-foo-7d9f8-x2x4z', false],
  ['Deployment/foo', `foo-2-7d9f8c6b5d-x2x4z_${UUID}`, false],
  // With so short a hash x2x4z may be a suffix, behind the hash 2: real ones have seven characters or more.
  ['Deployment/foo', `foo-2-7d9f8-x2x4z_${UUID}`, true],
  ['Deployment/foo', `foo_${UUID}`, false],
  ['Deployment/foo', UUID, false],
  ['Deployment/foo', '', false],
  ['Deployment/foo', `foo-7d9f8-x2x4z_${'x'.repeat(1008)}`, true],
  ['Deployment/foo', `foo-7d9f8-x2x4z_${'x'.repeat(1009)}`, false],
  ['Deployment/f.o', `f.o-7d9f8-x2x4z_${UUID}`, true],
  ['StatefulSet/web', `web-0_${UUID}`, true],
  ['StatefulSet/web', 'web-0.web.shop.svc.cluster.local', true],
  ['StatefulSet/web', 'web-0-0', false],
  ['StatefulSet/web', 'web-0-suffix', false],
  ['DaemonSet/agent', 'agent-x2x4z-suffix', true],
  ['CloneSet/foo', `foo-anything_${UUID}`, true],
  ['CloneSet/foo', `foo-${'x'.repeat(60)}`, false],
  [`CloneSet/${long(70)}`, long(70).slice(0, 63), true],
];

for (const [workload, holder, isIts] of HOLDERS) {
  test(`the holder ${JSON.stringify(holder.slice(0, 60))} is ${isIts ? '' : 'not '}one of ${workload}`, t => {
    t.is(isHeldBy(w(workload), holder), isIts);
  });
}

// The workload of a holder

const WORKLOADS: [holder: string, existing: string[], expected: string | undefined][] = [
  [`foo-7d9f8-x2x4z_${UUID}`, ['Deployment/foo'], 'Deployment/foo'],
  [`foo-7d9f8-x2x4z_${UUID}`, ['DaemonSet/foo-7d9f8'], 'DaemonSet/foo-7d9f8'],
  [`foo-7d9f8-x2x4z_${UUID}`, ['Deployment/foo', 'DaemonSet/foo-7d9f8'], undefined],
  [`foo-7d9f8-x2x4z_${UUID}`, ['Deployment/foo-7d9f8', 'StatefulSet/foo'], undefined],
  [`foo-7d9f8-x2x4z_${UUID}`, [], undefined],
  ['foo-2-7d9f8c6b5d-x2x4z', ['Deployment/foo', 'Deployment/foo-2'], 'Deployment/foo-2'],
  ['web-0', ['StatefulSet/web', 'Deployment/web'], 'StatefulSet/web'],
  ['web-0-0', ['StatefulSet/web', 'StatefulSet/web-0'], 'StatefulSet/web-0'],
  ['web-0.web.shop.svc', ['StatefulSet/web'], 'StatefulSet/web'],
  ['web-0-x', ['StatefulSet/web'], undefined],
  ['f.o-7d9f8-x2x4z', ['Deployment/f.o'], 'Deployment/f.o'],
  ['agent-x2x4z-suffix', ['DaemonSet/agent'], 'DaemonSet/agent'],
  ['api-x2x4z/web-0', ['DaemonSet/api', 'StatefulSet/web'], undefined],
  ['foo-7d9f8-x2x4z/foo-7d9f8-x2x4z', ['Deployment/foo'], 'Deployment/foo'],
  ['foo-anything', ['CloneSet/foo'], undefined],
  [`${long(47)}-7d9f8c6b5dx2x4z`, [`Deployment/${long(47)}`], `Deployment/${long(47)}`],
  [`${long(58)}x2x4z`, [`Deployment/${long(58)}`], undefined],
  ['-0', ['StatefulSet/'], undefined],
  ['', ['StatefulSet/'], undefined],
];

for (const [holder, existing, expected] of WORKLOADS) {
  test(`of ${existing.join(' and ') || 'nothing'} the holder ${holder} is ${expected ?? 'of nobody'}`, t => {
    const found = workloadOf(holder, (kind, name) => existing.includes(`${kind}/${name}`));
    t.deepEqual(found, expected === undefined ? undefined : w(expected));
  });
}

const DEPLOYMENTS: [holder: string, name: string | undefined][] = [
  ['foo-7d9f8c6b5d-x2x4z', 'foo'],
  ['foo-7d9f8c6-x2x4z', 'foo'],
  [`foo-bar.2-7d9f8c6b5d-x2x4z_${UUID}`, 'foo-bar.2'],
  ['shop/foo-7d9f8c6b5d-x2x4z', 'foo'],
  ['foo-7d9f8c6b5d-x2x4z.example.com', undefined],
  ['foo-7d9f8c6b5d-x2x4z-suffix', undefined],
  ['foo-7d9f8c6b5g-x2x4z', undefined],
  ['foo-7d9f8c6b5d-x2x4a', undefined],
  ['-7d9f8c6b5d-x2x4z', undefined],
  ['web-0', undefined],
  ['agent-x2x4z', undefined],
  [UUID, undefined],
  ['ip-10-0-1-23.eu-west-1.compute.internal', undefined],
  ['gke-shop-default-pool-7d9f8c6b-x2x4', undefined],
  ['shop-md-0-kq2zt-x2x4z', undefined],
  ['shoot--shop--prod-worker-z1-5b8cd-7jxh2', undefined],
  ['my custom text', undefined],
  [`${'x'.repeat(47)}-7d9f8c6b5-x2x4z`, 'x'.repeat(47)],
  [`${'x'.repeat(48)}-7d9f8c6b5-x2x4z`, undefined],
];

for (const [holder, name] of DEPLOYMENTS) {
  test(`the holder ${holder} ${name === undefined ? 'need not be' : 'is'} a Pod of a Deployment`, t => {
    t.is(deploymentOf(holder), name);
  });
}

// Properties

const safe = (minLength: number, maxLength = minLength) =>
  fc.string({unit: fc.constantFrom(...'bcdfghjklmnpqrstvwxz2456789'), minLength, maxLength});
const label = (maxLength: number) =>
  fc.stringMatching(new RegExp(`^[a-z0-9](?:[-a-z0-9]{0,${maxLength - 2}}[a-z0-9])?$`));
/** As the controllers put it together: what comes before the random characters is cut at 58. */
const podOf = {
  Deployment: (name: string) =>
    fc.tuple(safe(8, 10), safe(5)).map(([hash, random]) => `${name}-${hash}-`.slice(0, 58) + random),
  StatefulSet: (name: string) => fc.nat(999).map(ordinal => `${name}-${ordinal}`),
  DaemonSet: (name: string) => safe(5).map(random => `${name}-`.slice(0, 58) + random),
};
const anyKind = fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet');
const anyPod = (maxLength: number) =>
  fc
    .tuple(anyKind, label(maxLength))
    .chain(([kind, name]) => podOf[kind](name).map(pod => ({kind, name, pod})));
const around = (pod: string) =>
  fc.constantFrom(pod, `${pod}_${UUID}`, `shop/${pod}`, `${UUID}@${pod}`, `${pod}.svc`, `${pod}:80`);

const holds = (property: fc.IRawProperty<unknown>) => () => fc.assert(property, {numRuns: 500});

test("every Pod that a controller makes is its workload's, and so is what it holds", t => {
  const cases = anyPod(59).chain(each => around(each.pod).map(holder => ({...each, holder})));
  const property = fc.property(
    cases,
    ({kind, name, pod, holder}) => isPodOf({kind, name}, pod) && isHeldBy({kind, name}, holder),
  );
  t.notThrows(holds(property));
});

test('a Pod is that of no other workload of its kind', t => {
  const other = fc.tuple(anyPod(46), label(4), fc.constantFrom('before', 'behind', 'instead'));
  const property = fc.property(other, ([{kind, name, pod}, more, where]) => {
    const names = {before: `${more}-${name}`, behind: `${name}-${more}`, instead: more};
    return names[where] === name || !isPodOf({kind, name: names[where]}, pod);
  });
  t.notThrows(holds(property));
});

test('where one workload exists, its Pods lead to it; where none does, to nothing', t => {
  const cases = anyPod(57).chain(each => around(each.pod).map(holder => ({...each, holder})));
  const property = fc.property(cases, ({kind, name, holder}) => {
    const found = workloadOf(holder, (otherKind, other) => otherKind === kind && other === name);
    return found?.kind === kind && found.name === name && workloadOf(holder, () => false) === undefined;
  });
  t.notThrows(holds(property));
});

test('any text has an answer', t => {
  const text = fc.oneof(fc.string(), fc.string({unit: fc.constantFrom(...'a-._/0'), maxLength: 1100}));
  const property = fc.property(text, text, anyKind, (holder, name, kind) => {
    const found = workloadOf(holder, () => true);
    deploymentOf(holder);
    return typeof isHeldBy({kind, name}, holder) === 'boolean' && (!found || isHeldBy(found, holder));
  });
  t.notThrows(holds(property));
});

// Agreement with what the API server evaluates

const rule = holderRule(policy().enforcing({holders: 'Deny'}).rules());
const [, itsPod, namesPod] = (rule?.validations ?? []).map(({holds}) => compiled(holds.text));

/** The expression as a function in JavaScript, which reads the functions of this rule as CEL does. */
function compiled(text: string): (variables: object) => boolean {
  const {code, literals} = read(text);
  let at = 0;
  const script = code
    .replaceAll('""', () => JSON.stringify(literals[at++]))
    .replaceAll(/\.exists\((\w+), /g, '.some($1 => ')
    .replaceAll('.replace(', '.replaceAll(')
    .replaceAll(/\.matches\(("[^"]*")\)/g, '.search($1) === 0');
  return variables =>
    runInNewContext(script, {variables, size: ({length}: string | unknown[]) => length}) as boolean;
}

const asServer = (check: typeof itsPod, {kind, name}: WorkloadName, pod: string, holder = '') =>
  check?.({writes: true, breaksGlass: false, subject: [kind, name], pod, holder, before: ''});

test('the API server knows the same Pods', t => {
  for (const [workload, pod] of PODS.filter(([, pod]) => pod !== ''))
    t.is(asServer(itsPod, w(workload), pod), isPodOf(w(workload), pod), `${workload} ${pod}`);
  const property = fc.property(anyPod(62), anyPod(62), (one, other) =>
    [one, other].every(each => asServer(itsPod, each, one.pod) === isPodOf(each, one.pod)),
  );
  t.notThrows(() => fc.assert(property, {numRuns: 200}));
});

test('what the API server takes as the holder of a Pod is held by its workload', t => {
  const property = fc.property(
    anyPod(59),
    fc.constantFrom('_', '/', '.', '-', 'x'),
    label(8),
    (each, by, text) =>
      [each.pod, each.pod + by + text, text + by + each.pod].every(
        holder => !asServer(namesPod, each, each.pod, holder) || isHeldBy(each, holder),
      ),
  );
  t.notThrows(() => fc.assert(property, {numRuns: 200}));
});

test('a holder of a workload is one that the API server takes from one of its Pods', t => {
  for (const [workload, holder, isIts] of HOLDERS.filter(([, holder]) => holder !== '')) {
    const pods = holder.split(/[_/:@]/).flatMap(part => [...part].map((_, end) => part.slice(0, end + 1)));
    const taken = pods.some(
      pod => asServer(itsPod, w(workload), pod) && asServer(namesPod, w(workload), pod, holder),
    );
    t.is(taken, isIts, `${workload} ${holder}`);
  }
});
