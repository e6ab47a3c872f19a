/** What the workload controller remembers of a Lease that could not be adopted. */
import test from 'ava';
import {workloadController} from '../../src/controllers/workload.ts';
import {AdoptionConflict, ApiError} from '../../src/errors.ts';
import type {NamespaceRow, PolicyRow, WorkloadRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {idleWorld, lease, now, policy, workload} from '../support/builders.ts';

const ID = 'deployments.apps/shop/api';
const KEY = 'shop/payments-14c2529eb4';

/** The world of one Deployment, and of a Lease under each of its names that is not ours. */
function worldWithStranger(...policies: ReturnType<typeof policy>[]): World {
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, kinds});
  const namespace: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false};
  world.namespaces.replace(new Map([['shop', namespace]]), '1');
  const [resourceVersion, generation, terminating, status] = ['1', 1, false, undefined];
  const rows = [policy(), ...policies].map(
    ({name: key, spec}): PolicyRow => ({
      key,
      uid: key,
      resourceVersion,
      generation,
      terminating,
      spec,
      status,
    }),
  );
  world.policies.replace(new Map(rows.map(row => [row.key, row])), '1');
  const api: WorkloadRow = {...workload('api'), key: 'shop/api', resourceVersion: '1'};
  for (const source of world.sources.values()) source.store.replace(new Map([['shop/api', api]]), '1');
  const leases = world.claims
    .of(ID)
    .flatMap(claim => ('name' in claim.result ? lease().named(claim.result.name) : []));
  world.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  return world;
}

const findings = (world: World) =>
  workloadController
    .plan(workloadController.observe(ID, world, now), now)
    .findings.map(({reason, message}) => `${reason}: ${message}`);
const refusal = new ApiError('PATCH', {status: 409, message: 'conflict'});

test('a conflict of adoption is a finding from the second try on, until one succeeds', t => {
  const world = worldWithStranger();
  t.deepEqual(findings(world), []);
  workloadController.ended?.(ID, new AdoptionConflict(KEY, 'a label is that of "helm"', refusal), world);
  const [found = ''] = findings(world);
  t.regex(found, /^AdoptionConflict: Lease payments-14c2529eb4 is not adopted: a label is that of "helm";/);
  workloadController.ended?.(ID, undefined, world);
  t.deepEqual(findings(world), []);
});

test('the conflicts of two policies are both told', t => {
  const world = worldWithStranger(policy('billing').prefixed('billing'));
  for (const name of ['payments', 'billing'])
    workloadController.ended?.(
      ID,
      new AdoptionConflict(`shop/${name}-14c2529eb4`, 'a label', refusal),
      world,
    );
  t.deepEqual(
    findings(world)
      .map(text => text.slice(0, text.indexOf(' is ')))
      .sort(),
    ['AdoptionConflict: Lease billing-14c2529eb4', 'AdoptionConflict: Lease payments-14c2529eb4'],
  );
});

test('any other refusal, or that of another Lease, is no finding', t => {
  const world = worldWithStranger();
  workloadController.ended?.(ID, new ApiError('PATCH', {status: 500, message: 'broken'}), world);
  t.deepEqual(findings(world), []);
  workloadController.ended?.(ID, new AdoptionConflict('shop/other', 'a label', refusal), world);
  t.deepEqual(findings(world), []);
});
