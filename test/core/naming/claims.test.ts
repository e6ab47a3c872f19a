/** Who claims which name. */
import {isDeepStrictEqual} from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import {type Claim, ClaimIndex, claimOf, parseSubject, subjectText} from '../../../src/core/naming/claims.ts';
import {policy, workload} from '../../support/builders.ts';

/** Under this policy all workloads of a namespace claim one name, as two may under a hash. */
const oneName = {...policy().rules(), nameOf: () => ({name: 'payments'})};

test('a workload is known by its resource, namespace and name', t => {
  t.is(workload('api').in('shop').id, 'deployments.apps/shop/api');
});

test('a subject is written with its namespace only when its Lease is elsewhere', t => {
  t.is(subjectText(workload('api').in('shop'), 'shop'), 'Deployment/api');
  t.is(subjectText(workload('api').in('shop'), 'leases'), 'Deployment/shop/api');
});

test('a subject is read as it is written, and no other text is one', t => {
  t.deepEqual(parseSubject('Deployment/api', 'shop'), {kind: 'Deployment', namespace: 'shop', name: 'api'});
  t.deepEqual(parseSubject('Deployment/shop/a.b', 'leases'), {
    kind: 'Deployment',
    namespace: 'shop',
    name: 'a.b',
  });
  for (const text of [
    '',
    'Deployment',
    'Deployment/',
    '/api',
    'Deployment//api',
    'Deployment/a/b/c',
    'D/a/../b',
  ])
    t.is(parseSubject(text, 'shop'), undefined, text);
  for (const text of [
    'Deployment/api?x',
    'Deployment/api#',
    'Deployment/..',
    'Deployment/API',
    'Deployment/a\n',
  ])
    t.is(parseSubject(text, 'shop'), undefined, text);
});

test('a workload claims the Lease of its name in its own namespace', t => {
  const claim = workload('api').in('shop').under(policy().rules());
  t.like(claim, {policy: 'payments', leaseNamespace: 'shop', subject: 'Deployment/api'});
  t.is(claim.leaseKey, 'shop/payments-14c2529eb4');
});

test('a workload claims a Lease in the namespace that the policy gives', t => {
  const claim = workload('api')
    .in('shop')
    .under(policy().leasesIn('leases').hashing('kind', 'namespace', 'name').rules());
  t.like(claim, {leaseNamespace: 'leases', subject: 'Deployment/shop/api'});
  t.is(claim.leaseKey, 'leases/payments-d381c6448b');
});

test('a claim without a valid name is for no Lease', t => {
  const claim = workload('api').under(policy().template('{label:tier}-{hash}').rules());
  t.like(claim.result, {problem: 'InvalidName'});
  t.is(claim.leaseKey, undefined);
});

const UNSELECTED = {
  'another kind': claimOf(workload().ofKind('StatefulSet'), {}, policy().rules()),
  'another group': claimOf(workload().with({apiVersion: 'apps.example.com/v1'}), {}, policy().rules()),
  'a namespace of the control plane': claimOf(workload().in('kube-system'), {}, policy().rules()),
  'other labels': claimOf(
    workload(),
    {},
    policy()
      .selecting({matchLabels: {tier: 'web'}})
      .rules(),
  ),
  'other labels of its namespace': claimOf(
    workload(),
    {team: 'b'},
    policy()
      .inNamespaces({matchLabels: {team: 'a'}})
      .rules(),
  ),
};

for (const [what, claim] of Object.entries(UNSELECTED)) {
  test(`a workload with ${what} claims nothing`, t => {
    t.is(claim, undefined);
  });
}

function indexOf(...claims: Claim[]): ClaimIndex {
  const index = new ClaimIndex();
  for (const claim of claims) index.set(claim.workload.id, [claim]);
  return index;
}

const older = workload('older').created('2026-01-01T00:00:00Z').under(oneName);
const younger = workload('younger').created('2026-01-02T00:00:00Z').under(oneName);

test('the oldest workload keeps the name, in whatever order they come', t => {
  for (const index of [indexOf(older, younger), indexOf(younger, older)]) {
    t.is(index.winner('shop/payments'), older);
    t.deepEqual(index.claimants('shop/payments'), [older, younger]);
  }
});

test('of two workloads of one second the lower uid keeps the name', t => {
  const low = workload('x').withUid('1').under(oneName);
  const high = workload('a').withUid('2').under(oneName);
  for (const index of [indexOf(low, high), indexOf(high, low)]) t.is(index.winner('shop/payments'), low);
});

test('of two policies that give a workload one name, the first by name has it', t => {
  const index = new ClaimIndex();
  const [a, b] = [workload().under({...oneName, policy: 'a'}), workload().under({...oneName, policy: 'b'})];
  index.set('deployments.apps/shop/api', [b, a]);
  t.is(index.winner('shop/payments'), a);
});

test('a workload that goes leaves the name to the next one', t => {
  const index = indexOf(older, younger);
  t.deepEqual(index.set('deployments.apps/shop/older', []), ['shop/payments']);
  t.is(index.winner('shop/payments'), younger);
  t.deepEqual(index.of('deployments.apps/shop/older'), []);
});

test('a change tells the Leases of both the old and the new claims', t => {
  const index = indexOf(older);
  const renamed = workload('older').under(policy().rules());
  t.deepEqual(index.set('deployments.apps/shop/older', [renamed]), ['shop/payments', renamed.leaseKey]);
  t.is(index.winner('shop/payments'), undefined);
});

test('a claim is found in the namespace of its Lease and in that of its workload', t => {
  const claim = workload('api')
    .in('shop')
    .under(policy().leasesIn('leases').hashing('namespace', 'name').rules());
  const index = indexOf(claim);
  t.deepEqual([...index.inNamespace('shop')], [claim]);
  t.deepEqual([...index.inNamespace('leases')], [claim]);
  index.set(claim.workload.id, []);
  t.deepEqual([...index.inNamespace('shop'), ...index.inNamespace('leases')], []);
});

test('claims are counted by policy, those without a valid name too', t => {
  const nameless = workload('x').under(policy().template('{label:tier}-{hash}').rules());
  const index = indexOf(older, younger, nameless);
  t.is(index.count('payments'), 3);
  t.is(index.count('billing'), 0);
  index.set(nameless.workload.id, []);
  t.is(index.count('payments'), 2);
});

/** The same answers from a plain list, the slow way. */
class PlainIndex {
  readonly claims = new Map<string, Claim[]>();

  get all(): Claim[] {
    return [...this.claims.values()].flat();
  }

  claimants(key: string): Claim[] {
    const age = ({workload: {createdAt, uid}, policy: name}: Claim) => [createdAt, uid, name].join(' ');
    return this.all.filter(claim => claim.leaseKey === key).sort((a, b) => (age(a) < age(b) ? -1 : 1));
  }

  inNamespace(namespace: string): Claim[] {
    return this.all.filter(claim => [claim.leaseNamespace, claim.workload.namespace].includes(namespace));
  }
}

function answersLike(index: ClaimIndex, plain: PlainIndex): boolean {
  const keys = ['shop/x', 'shop/y', 'leases/x', 'leases/y'];
  return (
    keys.every(key => isDeepStrictEqual(index.claimants(key), plain.claimants(key))) &&
    keys.every(key => index.winner(key) === plain.claimants(key)[0]) &&
    ['shop', 'leases'].every(each => isSame(index.inNamespace(each), plain.inNamespace(each))) &&
    ['a', 'b'].every(each => index.count(each) === plain.all.filter(claim => claim.policy === each).length)
  );
}

const isSame = (a: Iterable<Claim>, b: Iterable<Claim>) =>
  new Set(a).symmetricDifference(new Set(b)).size === 0;

const anyClaims = fc.uniqueArray(
  fc.record({
    policy: fc.constantFrom('a', 'b'),
    leaseNamespace: fc.constantFrom('shop', 'leases'),
    name: fc.constantFrom('x', 'y', undefined),
  }),
  {selector: each => each.policy, maxLength: 2},
);
const anyChange = fc.record({
  which: fc.integer({min: 1, max: 4}),
  createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
  claims: anyClaims,
});

test('after any changes the index answers like a plain list', t => {
  const property = fc.property(fc.array(anyChange, {maxLength: 12}), changes => {
    const [index, plain] = [new ClaimIndex(), new PlainIndex()];
    for (const {which, createdAt, claims} of changes) {
      const subject = workload(`w${which}`).created(createdAt);
      const made = claims.map(
        ({policy: name, leaseNamespace, name: leaseName}): Claim => ({
          policy: name,
          workload: subject,
          leaseNamespace,
          subject: subjectText(subject, leaseNamespace),
          result: leaseName ? {name: leaseName} : {problem: 'InvalidName', message: ''},
          leaseKey: leaseName ? `${leaseNamespace}/${leaseName}` : undefined,
        }),
      );
      index.set(subject.id, made);
      plain.claims.set(subject.id, made);
    }
    return answersLike(index, plain);
  });
  t.notThrows(() => fc.assert(property));
});
