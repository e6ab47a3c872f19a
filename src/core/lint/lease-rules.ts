/** Rules of Leases that stand in manifests. */
import type {Path} from '../fields.ts';
import {excerpt} from '../legible.ts';
import {isHazardousOwner} from '../plan/lease-findings.ts';
import type {Bundle} from './bundle.ts';
import type {LintObject} from './object.ts';
import type {LintRule, Remark} from './rule.ts';
import {at, count, list, text} from './values.ts';

const lease = (rest: string) => `apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: mailer, namespace: shop}
${rest}`;

/** What a candidate writes. */
const RECORD = ['holderIdentity', 'acquireTime', 'renewTime', 'leaseTransitions'];

const given = ({manifest}: LintObject, field: string) => {
  const value = at(manifest, 'spec', field);
  return value === null ? undefined : value;
};

const bringsRecord: LintRule = {
  id: 'LP101',
  severity: 'error',
  title: 'A manifest brings the record of a Lease',
  why: 'Whoever applies it writes over the record of the present holder: two lead until that one notices, and the counter by which fencing tells terms apart goes back. Take the Lease out of the manifest; its candidates make it, or a LeasePolicy does.',
  bad: lease('spec: {holderIdentity: "", leaseDurationSeconds: 15, leaseTransitions: 0}'),
  good: `apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: mailer, image: mailer, args: [--leader-elect]}]`,
  *find({leases}) {
    for (const object of leases) {
      const field = RECORD.find(each => given(object, each) !== undefined);
      if (field === undefined) continue;
      const message = `it sets spec.${field}, and so takes the Lease from its holder: leave it out of the manifest`;
      yield {object, path: ['spec', field], message};
    }
  },
};

const isShipped: LintRule = {
  id: 'LP102',
  severity: 'warning',
  title: 'A Lease is part of a manifest',
  why: 'kubectl replace, and a sync that replaces, writes over the record of its holder; who removes the manifest deletes the Lease under Pods that still lead. This has happened to Strimzi, which took its Lease out again (strimzi-kafka-operator #7748). Let its candidates make it, or a LeasePolicy, which also saves them the right to create Leases.',
  bad: lease(''),
  good: bringsRecord.good,
  *find({leases}) {
    for (const object of leases) {
      if (RECORD.some(field => given(object, field) !== undefined)) continue;
      const message = 'to remove or replace this manifest takes the Lease from its holder: leave it out';
      yield {object, path: ['kind'], message};
    }
  },
};

const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[-+]\d\d:\d\d)$/;

/** Why the API server would not take the field. */
function refusal(object: LintObject, field: string): string | undefined {
  const value = given(object, field);
  if (value === undefined) return undefined;
  if (field.endsWith('Time'))
    return MICRO_TIME.test(text(value) ?? '')
      ? undefined
      : 'write a time with exactly six digits behind the second';
  const least = field === 'leaseTransitions' ? 0 : 1;
  return Number.isInteger(value) && Number(value) >= least
    ? undefined
    : `write a whole number of at least ${least}`;
}

const isRefused: LintRule = {
  id: 'LP103',
  severity: 'error',
  title: 'The API server refuses this Lease',
  why: 'Its apiVersion is one that no server since 1.22 has, or a field has a form that the API server does not take: leaseDurationSeconds is a whole number above 0, leaseTransitions one from 0, and times have six digits behind the second.',
  bad: lease('spec: {leaseDurationSeconds: 0}'),
  good: bringsRecord.good,
  *find({leases}) {
    for (const object of leases) {
      const {apiVersion} = object.manifest;
      if (apiVersion !== 'coordination.k8s.io/v1')
        yield {object, path: ['apiVersion'], message: `${apiVersion} is gone: write coordination.k8s.io/v1`};
      for (const field of ['leaseDurationSeconds', ...RECORD.slice(1)]) {
        const why = refusal(object, field);
        if (why !== undefined) yield {object, path: ['spec', field], message: `spec.${field}: ${why}`};
      }
    }
  },
};

/** Seconds with which an election works. */
const [SHORTEST, LONGEST] = [5, 3600];

const oddDuration: LintRule = {
  id: 'LP104',
  severity: 'warning',
  title: 'The duration of a Lease is one with which no election works well',
  why: `Below ${SHORTEST} seconds a single slow renewal costs the lead; above ${LONGEST} nobody takes over for an hour after a crash. Candidates write their own duration later: set it there, such as 15 seconds.`,
  bad: lease('spec: {leaseDurationSeconds: 2}'),
  good: bringsRecord.good,
  *find({leases}) {
    for (const object of leases) {
      const seconds = count(given(object, 'leaseDurationSeconds'));
      const isRelease = seconds === 1 && given(object, 'holderIdentity') === '';
      if (seconds === undefined || seconds < 1 || isRelease) continue;
      if (seconds >= SHORTEST && seconds <= LONGEST) continue;
      const message = `leaseDurationSeconds is ${seconds}: write ${SHORTEST} to ${LONGEST}, such as 15`;
      yield {object, path: ['spec', 'leaseDurationSeconds'], message};
    }
  },
};

const groupOf = (apiVersion: string) => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');

function* ownersOf({
  leases,
}: Bundle): Generator<{object: LintObject; path: Path; kind: string; group: string; name: string}> {
  for (const object of leases) {
    const owners = list(at(object.manifest, 'metadata', 'ownerReferences'));
    for (const [index, owner] of owners.entries()) {
      const [kind = '', apiVersion = '', name = ''] = ['kind', 'apiVersion', 'name'].map(each =>
        text(at(owner, each)),
      );
      yield {object, path: ['metadata', 'ownerReferences', index], kind, group: groupOf(apiVersion), name};
    }
  }
}

const hazardousOwner: LintRule = {
  id: 'LP105',
  severity: 'error',
  title: 'A Lease is owned by a workload',
  why: 'When the workload is deleted, the API server deletes the Lease while the old Pods still lead, and a workload that is made anew leads at once: two leaders, for eleven seconds with the defaults of client-go. A Lease has no owner; a LeasePolicy collects it when nobody holds it any more.',
  bad: lease('').replace(
    'namespace: shop}',
    'namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: mailer, uid: 0d1f}]}',
  ),
  good: bringsRecord.good,
  *find(bundle): Generator<Remark> {
    for (const {object, path, kind, group, name} of ownersOf(bundle)) {
      if (!isHazardousOwner({group, kind})) continue;
      const message = `when ${kind}/${excerpt(name)} is deleted, so is the Lease, while its Pods still lead: remove the owner reference`;
      yield {object, path, message};
    }
  },
};

export const LEASE_RULES: readonly LintRule[] = [
  bringsRecord,
  isShipped,
  isRefused,
  oddDuration,
  hazardousOwner,
];
