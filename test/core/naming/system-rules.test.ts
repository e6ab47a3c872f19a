/** Policies of what Kubernetes itself leases. */
import test from 'ava';
import {compileSystem, isOfWorkloads, isSystem} from '../../../src/core/naming/system-rules.ts';
import {policy, systemPolicy} from '../../support/builders.ts';

test('a policy of workloads is no other, and the other way round', t => {
  t.true(isOfWorkloads(policy().spec));
  t.false(isSystem(policy().rules()));
  const {spec, ...nodes} = systemPolicy({nodes: {selector: {}}});
  t.false(isOfWorkloads(spec));
  t.true(isSystem(nodes.rules()));
});

test('an empty selector of nodes selects all, and then also what is left of one that is gone', t => {
  const {subjects} = systemPolicy({nodes: {selector: {}}}).rules();
  t.like(subjects, {kind: 'Node', selectsAll: true});
  t.true(subjects.kind === 'Node' && subjects.selects({pool: 'a'}));
});

test('a selector of nodes selects by label', t => {
  const {subjects} = systemPolicy({nodes: {selector: {matchLabels: {pool: 'a'}}}}).rules();
  t.like(subjects, {kind: 'Node', selectsAll: false});
  t.deepEqual(
    ['a', 'b'].map(pool => subjects.kind === 'Node' && subjects.selects({pool})),
    [true, false],
  );
});

test('a selector that can not be parsed is told with its field', t => {
  const {spec} = systemPolicy({nodes: {selector: {matchLabels: {pool: 'a b'}}}});
  t.deepEqual(compileSystem('x', 1, spec), ['nodes.selector: "a b" is no value of label pool']);
});

test('without any subject the sentence says which there are', t => {
  const {spec} = systemPolicy({});
  t.deepEqual(compileSystem('x', 1, spec), [
    'subjects: write one of workloads, nodes, apiServers and components',
  ]);
});
