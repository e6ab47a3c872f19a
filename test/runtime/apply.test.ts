/** Actions to requests: what exactly is sent for each, and what keeps a write from being sent. */
import test, {type ExecutionContext} from 'ava';
import type {KubeObject} from '../../src/api/objects.ts';
import {
  type ApplyObject,
  type DeleteObject,
  manifest,
  type Rendered,
} from '../../src/core/admission/rendered.ts';
import type {Action, CollectLease, CreateLease, LabelLease, WriteRecord} from '../../src/core/plan/action.ts';
import {AdoptionConflict, type ApiError, TermEndedError} from '../../src/errors.ts';
import {apply} from '../../src/runtime/apply.ts';
import type {WriterOptions} from '../../src/runtime/write.ts';
import {ApiServer, json, refusal, silence} from '../support/api-server.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
const LEASE = `${LEASES}/payments-14c2529eb4`;
const REGISTRIES = '/apis/leasepolicy.dev/v1alpha1/namespaces/shop/leaseregistries';
const STATUS = '/apis/leasepolicy.dev/v1alpha1/leasepolicies/payments/status';
const DEPLOYMENT = '/apis/apps/v1/namespaces/shop/deployments/api';
const MANAGER = 'fieldManager=leasepolicy';

const version = {namespace: 'shop', name: 'payments-14c2529eb4', uid: 'uid-1', resourceVersion: '41'};
const labels = {'leasepolicy.dev/policy': 'payments', 'leasepolicy.dev/origin': 'created'};
const annotations = {'leasepolicy.dev/subject': 'Deployment/api'};
const spec = {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: '', retired: {}};

const createLease: CreateLease = {
  type: 'createLease',
  policy: 'payments',
  namespace: 'shop',
  name: 'payments-14c2529eb4',
  labels,
  annotations,
  record: {leaseDurationSeconds: 15, leaseTransitions: 7},
};
const labelLease: LabelLease = {
  type: 'labelLease',
  purpose: 'adopt',
  policy: 'payments',
  namespace: 'shop',
  name: 'payments-14c2529eb4',
  uid: 'uid-1',
  labels,
  annotations,
};
const writeRecord: WriteRecord = {
  type: 'writeRecord',
  purpose: 'open',
  policy: 'payments',
  lease: version,
  record: {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    leaseTransitions: 8,
    acquireTime: '2026-03-01T12:00:00.000000Z',
    renewTime: '2026-03-01T12:00:05.000000Z',
  },
};
const collectLease: CollectLease = {
  type: 'collectLease',
  policy: 'payments',
  lease: version,
  subject: 'Deployment/api',
  check: {expect: 'absent', path: DEPLOYMENT},
};
const createRegistry: Action = {type: 'createRegistry', namespace: 'shop', spec};
const patchRegistry: Action = {
  type: 'patchRegistry',
  namespace: 'shop',
  patch: {names: {'payments-x': null}},
};
const deleteRegistry: Action = {
  type: 'deleteRegistry',
  namespace: 'shop',
  uid: 'uid-2',
  resourceVersion: '9',
};
const writeStatus: Action = {
  type: 'writeStatus',
  policy: 'payments',
  resourceVersion: '5',
  status: {subjects: 2},
};
const check: Rendered = {
  kind: 'ValidatingAdmissionPolicy',
  name: 'leasepolicy-names-payments',
  policy: 'payments',
  owner: {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', name: 'payments', uid: 'uid-5'},
  content: {spec: {failurePolicy: 'Fail', validations: []}},
};
const grant: Rendered = {
  kind: 'RoleBinding',
  namespace: 'shop',
  name: 'leasepolicy-payments-14c2529eb4',
  policy: 'payments',
  owner: {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'payments-14c2529eb4', uid: 'uid-1'},
  annotations: {'leasepolicy.dev/until-holder': 'api-0'},
  content: {roleRef: {kind: 'Role', name: 'x'}, subjects: [{name: 'a'}]},
};
const CHECKS = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const CHECK = `${CHECKS}/leasepolicy-names-payments`;
const NAMED_CHECK = 'fieldSelector=metadata.name%3Dleasepolicy-names-payments';
const GRANT =
  '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/leasepolicy-payments-14c2529eb4';
const applyObject: ApplyObject = {type: 'applyObject', policy: 'payments', rendered: check, uid: undefined};
const deleteObject: DeleteObject = {
  type: 'deleteObject',
  policy: 'payments',
  kind: 'RoleBinding',
  namespace: 'shop',
  name: grant.name,
  uid: 'uid-6',
  resourceVersion: '12',
};
/** The object as the server answers, perhaps with what others have added. */
const live = (rendered: Rendered, more: object = {}) => {
  const {metadata, ...rest} = manifest(rendered);
  return {...rest, metadata: {...metadata, uid: 'uid-6', resourceVersion: '12'}, ...more};
};
/** The metadata of one that somebody else has made, for a policy of our name that is gone. */
const OF_ANOTHER = {
  metadata: {
    name: check.name,
    uid: 'uid-8',
    resourceVersion: '12',
    ownerReferences: [{...check.owner, uid: 'uid-4'}],
  },
};
const emitEvent: Action = {
  type: 'emitEvent',
  about: {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'api', uid: 'uid-3'},
  severity: 'Warning',
  reason: 'NameCollision',
  message: 'taken',
};

const liveLease = {
  metadata: {name: version.name, uid: 'uid-1', resourceVersion: '41', annotations},
  spec: {leaseTransitions: 7},
};
const liveSubject = (own: Record<string, string> | undefined) => ({
  metadata: {name: 'api', ...(own ? {labels: own} : {})},
});
const notFound = refusal(404, 'NotFound');

const NAMESPACE = '/api/v1/namespaces?fieldSelector=metadata.name%3Dshop';
const liveNamespace = (own: Record<string, string> | undefined) =>
  json({items: [{metadata: {name: 'shop', ...(own ? {labels: own} : {})}}]});
const expectLabels = (own: Record<string, string>) =>
  ({
    expect: 'labels',
    path: DEPLOYMENT,
    labels: own,
    namespace: 'shop',
    namespaceLabels: {team: 'shops'},
  }) as const;

/** Options that note what apply tells; `term` is one that lasts. */
function writer(
  api: ApiServer,
  term: WriterOptions['term'] = {mayWrite: true, leftMs: 8_000, transitions: 3},
) {
  const told = {
    done: [] as string[],
    written: [] as [string, KubeObject][],
    collected: [] as unknown[],
    prevented: [] as string[],
    events: [] as unknown[],
  };
  const options: WriterOptions = {
    client: api.client(),
    term,
    identity: 'leasepolicy-0 (β)',
    onWritten: (kind, object) => told.written.push([kind, object]),
    isInForce: () => true,
    onCollect: manifest => told.collected.push(manifest),
    onPrevented: by => told.prevented.push(by),
    onEvent: event => told.events.push(event),
    onDone: action => told.done.push(action.type),
  };
  return {options, told};
}

/** The one failure of these actions. */
async function refused(t: ExecutionContext, actions: Action[], options: WriterOptions): Promise<ApiError> {
  const failures = await apply(actions, options);
  t.is(failures.length, 1);
  return failures[0] as ApiError;
}

test('a Lease is created with labels, annotations and record, and without an owner', async t => {
  const api = await ApiServer.start(t);
  const answer = {metadata: {name: version.name, resourceVersion: '42'}};
  const exchange = api.expect(`POST ${LEASES}?${MANAGER}`, json(answer, 201));
  const {options, told} = writer(api);
  await apply([createLease], options);
  const {headers, body} = await exchange.received;
  t.is(headers['content-type'], 'application/json');
  t.is(
    headers['user-agent'],
    'leasepolicy (leasepolicy-0 ???; term 3)',
    'the audit log can tell terms apart',
  );
  t.deepEqual(body, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: 'payments-14c2529eb4', labels, annotations},
    spec: {leaseDurationSeconds: 15, leaseTransitions: 7},
  });
  t.deepEqual(told.written, [], 'the watch brings it into the caches');
  t.deepEqual(told.done, ['createLease']);
});

test('a Lease is adopted by an apply without force, bound to its uid, and its record is not part of it', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(`PATCH ${LEASE}?${MANAGER}`, json(liveLease));
  const {options, told} = writer(api);
  await apply([labelLease], options);
  const {headers, body, query} = await exchange.received;
  t.is(headers['content-type'], 'application/apply-patch+yaml');
  t.false(query.has('force'));
  t.deepEqual(body, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: 'payments-14c2529eb4', uid: 'uid-1', labels, annotations},
  });
  t.is(told.written[0]?.[0], 'lease');
});

const CONFLICTS = {
  causes: [
    {
      reason: 'FieldManagerConflict',
      message: 'conflict with "helm" using coordination.k8s.io/v1 at 2026-03-01T12:00:00Z',
      field: '.metadata.labels.team',
    },
    {reason: 'FieldManagerConflict', message: 'conflict', field: '.metadata.labels.app'},
  ],
};

test('a Lease whose labels others manage is not adopted, and the error says which and whose they are', async t => {
  const api = await ApiServer.start(t);
  const status = {
    kind: 'Status',
    reason: 'Conflict',
    message: 'Apply failed with 2 conflicts',
    details: CONFLICTS,
  };
  api.expect(`PATCH ${LEASE}?${MANAGER}`, json(status, 409));
  const {options, told} = writer(api);
  const error = await refused(t, [labelLease, emitEvent], options);
  t.false(error.isConflict, 'to look again does not help');
  t.true(error instanceof AdoptionConflict);
  const {lease, why} = error as AdoptionConflict;
  t.is(lease, 'shop/payments-14c2529eb4');
  t.is(why, 'metadata.labels.team is that of "helm"; metadata.labels.app is that of somebody else');
  t.is(error.message, `adopt Lease ${lease}: ${why}`);
  t.deepEqual(told.done, []);
});

test('a Lease that was made anew before it was adopted is a conflict like any other', async t => {
  const api = await ApiServer.start(t);
  api.expect(
    `PATCH ${LEASE}?${MANAGER}`,
    refusal(409, 'Conflict', 'Precondition failed: UID in precondition'),
  );
  t.true((await refused(t, [labelLease], writer(api).options)).isConflict);
});

for (const purpose of ['label', 'overwrite', 'markOrphaned', 'reclaim'] as const) {
  test(`${purpose}: the labels of a Lease of ours are patched, bound to its uid, and a mark that is not given goes`, async t => {
    const api = await ApiServer.start(t);
    const exchange = api.expect(`PATCH ${LEASE}?${MANAGER}`, json(liveLease));
    const since = {'leasepolicy.dev/orphaned-since': '2026-03-01T12:00:00Z'};
    const marked = purpose === 'markOrphaned' ? {...annotations, ...since} : annotations;
    const {options, told} = writer(api);
    await apply([{...labelLease, purpose, annotations: marked}], options);
    const {headers, body} = await exchange.received;
    t.is(headers['content-type'], 'application/merge-patch+json');
    t.deepEqual(body, {
      metadata: {uid: 'uid-1', labels, annotations: {'leasepolicy.dev/orphaned-since': null, ...marked}},
    });
    t.is(told.written[0]?.[0], 'lease');
  });
}

test('a record is written to the version that was judged, and to no other', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(`PATCH ${LEASE}?${MANAGER}`, json(liveLease));
  const {options, told} = writer(api);
  await apply([writeRecord], options);
  const {headers, body} = await exchange.received;
  t.is(headers['content-type'], 'application/merge-patch+json');
  t.deepEqual(body, {metadata: {uid: 'uid-1', resourceVersion: '41'}, spec: writeRecord.record});
  t.is(told.written[0]?.[0], 'lease');
});

test('a registry is created, patched and deleted by its one name', async t => {
  const api = await ApiServer.start(t);
  const create = api.expect(`POST ${REGISTRIES}?${MANAGER}`, json({metadata: {name: 'leases'}}, 201));
  const patch = api.expect(`PATCH ${REGISTRIES}/leases?${MANAGER}`, json({metadata: {name: 'leases'}}));
  const remove = api.expect(`DELETE ${REGISTRIES}/leases`, json({kind: 'Status'}));
  const {options, told} = writer(api);
  await apply([createRegistry, patchRegistry, deleteRegistry], options);
  t.deepEqual((await create.received).body, {
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeaseRegistry',
    metadata: {name: 'leases', labels: {'app.kubernetes.io/managed-by': 'leasepolicy'}},
    spec,
  });
  t.is((await patch.received).headers['content-type'], 'application/merge-patch+json');
  t.deepEqual((await patch.received).body, {spec: {names: {'payments-x': null}}});
  t.deepEqual((await remove.received).body, {preconditions: {uid: 'uid-2', resourceVersion: '9'}});
  t.deepEqual(
    told.written.map(([kind]) => kind),
    ['registry', 'registry'],
  );
});

test('a status is merged into the status alone, at the version that was judged', async t => {
  const api = await ApiServer.start(t);
  const path = `PATCH ${STATUS}?${MANAGER}`;
  const guarded = api.expect(path, json({metadata: {name: 'payments'}}));
  const free = api.expect(path, json({metadata: {name: 'payments'}}));
  const {options, told} = writer(api);
  await apply([writeStatus, {type: 'writeStatus', policy: 'payments', status: {subjects: 3}}], options);
  t.is((await guarded.received).headers['content-type'], 'application/merge-patch+json');
  t.deepEqual((await guarded.received).body, {metadata: {resourceVersion: '5'}, status: {subjects: 2}});
  t.deepEqual((await free.received).body, {status: {subjects: 3}});
  t.is(told.written[0]?.[0], 'policy');
});

test('an Event is handed on and is no request of its own', async t => {
  const api = await ApiServer.start(t);
  const {options, told} = writer(api);
  await apply([emitEvent], options);
  t.deepEqual(told.events, [emitEvent]);
  t.deepEqual(api.requests, []);
});

// Objects that are rendered from a policy

test('a new object is applied without force and without a uid: it may be that of somebody else', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(`PATCH ${CHECK}?${MANAGER}`, json(live(check), 201));
  const {options, told} = writer(api);
  await apply([applyObject], options);
  const {headers, body, query} = await exchange.received;
  t.is(headers['content-type'], 'application/apply-patch+yaml');
  t.false(query.has('force'));
  t.deepEqual(body, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: {
      name: 'leasepolicy-names-payments',
      labels: {'app.kubernetes.io/managed-by': 'leasepolicy', 'leasepolicy.dev/policy': 'payments'},
      ownerReferences: [check.owner],
    },
    spec: {failurePolicy: 'Fail', validations: []},
  });
  t.deepEqual(told.written as unknown[], [['ValidatingAdmissionPolicy', live(check)]]);
  t.deepEqual(told.done, ['applyObject']);
});

test('an object that somebody else manages under our name is left alone', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${CHECK}?${MANAGER}`, refusal(409, 'Conflict', 'conflict with "kubectl"'));
  api.expect(`GET ${CHECKS}?${NAMED_CHECK}`, json({items: [live(check, OF_ANOTHER)]}));
  const {options, told} = writer(api);
  const error = await refused(t, [applyObject, writeStatus], options);
  t.is(error.reason, 'NotOurs');
  t.regex(error.message, /there is one already that is not ours: delete it, or make it anew/);
  t.deepEqual(told.written, []);
  t.deepEqual(told.done, []);
});

test('an object that was edited until the caches lost it is ours by its owner, and is mended by force', async t => {
  const api = await ApiServer.start(t);
  const {metadata} = manifest(check);
  const {labels: _, ...unlabelled} = {...metadata, uid: 'uid-8', resourceVersion: '13'};
  const edited = {...live(check, {spec: {failurePolicy: 'Ignore'}}), metadata: unlabelled};
  api.expect(`PATCH ${CHECK}?${MANAGER}`, refusal(409, 'Conflict', 'conflict with "kubectl-edit"'));
  const look = api.expect(`GET ${CHECKS}?${NAMED_CHECK}`, json({items: [edited]}));
  const mending = api.expect(`PATCH ${CHECK}?${MANAGER}&force=true`, json(live(check)));
  const {options, told} = writer(api);
  await apply([applyObject], options);
  t.is((await look.received).query.get('fieldSelector'), `metadata.name=${check.name}`);
  const {body, headers} = await mending.received;
  t.is(headers['content-type'], 'application/apply-patch+yaml');
  t.deepEqual((body as KubeObject).metadata, {...metadata, uid: 'uid-8', resourceVersion: '13'});
  t.deepEqual(told.done, ['applyObject']);
});

test('what was added to an object that the caches lost is replaced on that very object', async t => {
  const api = await ApiServer.start(t);
  const grants = GRANT.slice(0, GRANT.lastIndexOf('/'));
  const added = {subjects: [{name: 'a'}, {name: 'intruder'}]};
  api.expect(`PATCH ${GRANT}?${MANAGER}`, refusal(409, 'Conflict', 'conflict with "kubectl-edit"'));
  api.expect(
    `GET ${grants}?fieldSelector=metadata.name%3D${grant.name}`,
    json({items: [live(grant, added)]}),
  );
  api.expect(`PATCH ${GRANT}?${MANAGER}&force=true`, refusal(422, 'Invalid'));
  const replacing = api.expect(`PATCH ${GRANT}?${MANAGER}`, json(live(grant)));
  await apply([{...applyObject, rendered: grant}], writer(api).options);
  const {body} = await replacing.received;
  t.deepEqual((body as object[])[0], {op: 'test', path: '/metadata/uid', value: 'uid-6'});
});

test('of several objects one that is refused keeps only its binding from being made', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${CHECK}?${MANAGER}`, refusal(409, 'Conflict', 'conflict with "kubectl"'));
  api.expect(`GET ${CHECKS}?${NAMED_CHECK}`, json({items: [live(check, OF_ANOTHER)]}));
  api.expect(`PATCH ${GRANT}?${MANAGER}`, json(live(grant)));
  const binding: Rendered = {
    ...check,
    kind: 'ValidatingAdmissionPolicyBinding',
    content: {spec: {policyName: check.name}},
  };
  const {options, told} = writer(api);
  const actions = [applyObject, {...applyObject, rendered: binding}, {...applyObject, rendered: grant}];
  t.is((await refused(t, [...actions, deleteObject], options)).reason, 'NotOurs');
  t.deepEqual(told.done, ['applyObject'], 'and nothing is removed that it was to replace');
});

test('nothing is removed after a refusal, whichever policy a label of it names', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${GRANT}?${MANAGER}`, refusal(422, 'Invalid'));
  const {options, told} = writer(api);
  const foreign = {...deleteObject, policy: 'edited'};
  t.is((await refused(t, [{...applyObject, rendered: grant}, foreign], options)).status, 422);
  t.is(api.requests.length, 1);
  api.expect(`DELETE ${GRANT}`, refusal(403, 'Forbidden'));
  const role: DeleteObject = {...deleteObject, kind: 'Role', policy: 'payments'};
  t.is((await refused(t, [foreign, role], options)).status, 403);
  t.deepEqual(told.done, []);
});

test("a Role that is somebody else's is not bound", async t => {
  const api = await ApiServer.start(t);
  const role: Rendered = {...grant, kind: 'Role', name: 'leasepolicy-x', content: {rules: []}};
  const binding: Rendered = {
    ...grant,
    name: 'leasepolicy-x',
    content: {roleRef: {kind: 'Role', name: 'leasepolicy-x'}, subjects: []},
  };
  const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles';
  api.expect(`PATCH ${roles}/leasepolicy-x?${MANAGER}`, refusal(409, 'Conflict', 'conflict with "kubectl"'));
  api.expect(`GET ${roles}?fieldSelector=metadata.name%3Dleasepolicy-x`, json({items: []}));
  const {options, told} = writer(api);
  const actions = [role, binding].map(rendered => ({...applyObject, rendered}));
  t.is((await refused(t, actions, options)).reason, 'NotOurs');
  t.deepEqual(told.done, []);
});

test('an object of ours that the server refuses together with what somebody else has added is replaced', async t => {
  const api = await ApiServer.start(t);
  api.expect(
    `PATCH ${CHECK}?${MANAGER}&force=true`,
    refusal(422, 'Invalid', 'must not contain both Deny and Warn'),
  );
  const replacing = api.expect(`PATCH ${CHECK}?${MANAGER}`, json(live(check)));
  const {options, told} = writer(api);
  await apply([{...applyObject, uid: 'check-uid'}], options);
  const {body, headers} = await replacing.received;
  t.is(headers['content-type'], 'application/json-patch+json');
  t.deepEqual((body as object[])[0], {op: 'test', path: '/metadata/uid', value: 'check-uid'});
  t.deepEqual(told.done, ['applyObject']);
});

test('an object of ours is repaired by force, bound to its uid', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(`PATCH ${GRANT}?${MANAGER}&force=true`, json(live(grant)));
  const {options, told} = writer(api);
  await apply([{...applyObject, rendered: grant, uid: 'uid-6'}], options);
  const {headers, body} = await exchange.received;
  t.is(headers['content-type'], 'application/apply-patch+yaml');
  t.like(body, {
    kind: 'RoleBinding',
    metadata: {
      namespace: 'shop',
      uid: 'uid-6',
      annotations: {'leasepolicy.dev/until-holder': 'api-0'},
      ownerReferences: [grant.owner],
    },
    subjects: [{name: 'a'}],
  });
  t.is(told.written[0]?.[0], 'RoleBinding');
});

test('what others have added to one of ours is replaced, field by field, on that object alone', async t => {
  const api = await ApiServer.start(t);
  const added = {subjects: [{name: 'a'}, {name: 'intruder'}]};
  api.expect(`PATCH ${GRANT}?${MANAGER}&force=true`, json(live(grant, added)));
  const exchange = api.expect(`PATCH ${GRANT}?${MANAGER}`, json(live(grant)));
  const {options, told} = writer(api);
  await apply([{...applyObject, rendered: grant, uid: 'uid-6'}], options);
  const {headers, body, query} = await exchange.received;
  t.is(headers['content-type'], 'application/json-patch+json');
  t.false(query.has('force'));
  t.deepEqual(body, [
    {op: 'test', path: '/metadata/uid', value: 'uid-6'},
    {op: 'add', path: '/roleRef', value: {kind: 'Role', name: 'x'}},
    {op: 'add', path: '/subjects', value: [{name: 'a'}]},
  ]);
  t.deepEqual(
    told.written.map(([, object]) => (object as {subjects?: object[]}).subjects?.length),
    [2, 1],
    'the caches have each answer',
  );
  t.deepEqual(told.done, ['applyObject']);
});

test('a new object, too, is replaced when the answer differs', async t => {
  const api = await ApiServer.start(t);
  const spec = {...(check.content.spec as object), paramKind: {kind: 'ConfigMap'}};
  api.expect(`PATCH ${CHECK}?${MANAGER}`, json(live(check, {spec})));
  const exchange = api.expect(`PATCH ${CHECK}?${MANAGER}`, json(live(check)));
  await apply([applyObject], writer(api).options);
  t.deepEqual((await exchange.received).body, [
    {op: 'test', path: '/metadata/uid', value: 'uid-6'},
    {op: 'add', path: '/spec', value: check.content.spec},
  ]);
});

test('an object is deleted at the version that was seen, and at its own path', async t => {
  const api = await ApiServer.start(t);
  const own = api.expect(`DELETE ${GRANT}`, json({kind: 'Status'}));
  const global = api.expect(`DELETE ${CHECK}`, json({kind: 'Status'}));
  const {options, told} = writer(api);
  const {name} = check;
  const other = {...deleteObject, kind: check.kind, namespace: undefined, name, uid: 'uid-7'};
  await apply([deleteObject, other], options);
  t.deepEqual((await own.received).body, {preconditions: {uid: 'uid-6', resourceVersion: '12'}});
  t.deepEqual((await global.received).body, {preconditions: {uid: 'uid-7', resourceVersion: '12'}});
  t.deepEqual(told.done, ['deleteObject', 'deleteObject']);
  t.deepEqual(told.written, []);
});

test('an object that was edited since is not deleted: a conflict', async t => {
  const api = await ApiServer.start(t);
  api.expect(`DELETE ${GRANT}`, refusal(409, 'Conflict'));
  const {options, told} = writer(api);
  t.true((await refused(t, [deleteObject, applyObject], options)).isConflict);
  t.deepEqual(told.done, []);
});

test('a Lease is deleted after live reads agree, with both preconditions, and its manifest is told first', async t => {
  const api = await ApiServer.start(t);
  const {options, told} = writer(api);
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`GET ${DEPLOYMENT}`, notFound);
  const exchange = api.expect(`DELETE ${LEASE}`, (stream, request) => {
    t.deepEqual(told.collected, [liveLease]);
    json({kind: 'Status', status: 'Success'})(stream, request);
  });
  await apply([collectLease], options);
  t.deepEqual((await exchange.received).body, {preconditions: {uid: 'uid-1', resourceVersion: '41'}});
  t.deepEqual(told.done, ['collectLease']);
  t.deepEqual(told.written, []);
});

test('a subject that no longer matches must live with the labels that were judged', async t => {
  const api = await ApiServer.start(t);
  const check = expectLabels({team: 'b', app: 'api'});
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`GET ${DEPLOYMENT}`, json(liveSubject({app: 'api', team: 'b'})));
  api.expect(`GET ${NAMESPACE}`, liveNamespace({team: 'shops'}));
  api.expect(`DELETE ${LEASE}`, json({kind: 'Status'}));
  const {options, told} = writer(api);
  await apply([{...collectLease, check}], options);
  t.is(api.requests.length, 4);
  t.deepEqual(told.prevented, []);
});

for (const [what, answer] of [
  ['has other labels', liveNamespace({team: 'banks'})],
  ['has lost its labels', liveNamespace(undefined)],
  ['is gone', json({items: []})],
] as const) {
  test(`a Lease is not deleted when the namespace of its subject ${what}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`GET ${LEASE}`, json(liveLease));
    api.expect(`GET ${DEPLOYMENT}`, json(liveSubject({app: 'api'})));
    api.expect(`GET ${NAMESPACE}`, answer);
    const {options, told} = writer(api);
    const action = {...collectLease, check: expectLabels({app: 'api'})};
    t.true((await refused(t, [action], options)).isConflict);
    t.deepEqual(told.collected, []);
    t.deepEqual(told.prevented, ['LiveRead']);
  });
}

test('once the policy was edited nothing more of the pass is deleted, nor read', async t => {
  const api = await ApiServer.start(t);
  const policies: string[] = [];
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`DELETE ${LEASE}`, json({kind: 'Status'}));
  const {options, told} = writer(api);
  const isInForce = (policy: string) => policies.push(policy) === 1;
  const unknown = {...collectLease, check: {expect: 'nothing'} as const};
  const error = await refused(t, [unknown, unknown, unknown], {...options, isInForce});
  t.is(
    error.message,
    'collect Lease shop/payments-14c2529eb4: LeasePolicy payments has changed since the decision',
  );
  t.true(error.isConflict);
  t.deepEqual(policies, ['payments', 'payments', 'payments']);
  t.deepEqual(told.done, ['collectLease']);
});

test('a Lease that somebody else deletes between the live read and the delete is done', async t => {
  const api = await ApiServer.start(t);
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`DELETE ${LEASE}`, notFound);
  const {options, told} = writer(api);
  await apply([{...collectLease, check: {expect: 'nothing'}}], options);
  t.deepEqual(told.done, ['collectLease']);
  t.deepEqual(told.prevented, []);
});

test('a Lease without a known subject is deleted after one live read', async t => {
  const api = await ApiServer.start(t);
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`DELETE ${LEASE}`, json({kind: 'Status'}));
  await apply([{...collectLease, check: {expect: 'nothing'}}], writer(api).options);
  t.is(api.requests.length, 2);
});

test('a Lease that is already gone is done', async t => {
  const api = await ApiServer.start(t);
  api.expect(`GET ${LEASE}`, notFound);
  const {options, told} = writer(api);
  await apply([collectLease], options);
  t.deepEqual(told.done, ['collectLease']);
  t.deepEqual(told.collected, []);
});

for (const [what, metadata] of [
  ['was renewed since', {...liveLease.metadata, resourceVersion: '42'}],
  ['was made anew', {...liveLease.metadata, uid: 'uid-9'}],
] as const) {
  test(`a Lease that ${what} is not deleted`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`GET ${LEASE}`, json({...liveLease, metadata}));
    const {options, told} = writer(api);
    const error = await refused(t, [collectLease], options);
    t.true(error.isConflict);
    t.is(error.message, 'collect Lease shop/payments-14c2529eb4: the Lease has changed since the decision');
    t.deepEqual(told.collected, []);
    t.deepEqual(told.done, []);
    t.deepEqual(told.prevented, ['LiveRead']);
  });
}

for (const [what, own, live] of [
  ['gone lives', undefined, json(liveSubject({}))],
  ['alive is gone', {app: 'api'}, notFound],
  ['labelled otherwise has the label back', {app: 'api'}, json(liveSubject({app: 'api', lease: 'yes'}))],
  ['labelled has lost a label', {app: 'api', team: 'a'}, json(liveSubject({app: 'api'}))],
  ['labelled has another value', {team: 'a'}, json(liveSubject({team: 'b'}))],
  ['labelled has no labels', {team: 'a'}, json(liveSubject(undefined))],
] as const) {
  test(`a Lease is not deleted when the subject that was judged as ${what}`, async t => {
    const api = await ApiServer.start(t);
    const check: CollectLease['check'] = own ? expectLabels(own) : {expect: 'absent', path: DEPLOYMENT};
    api.expect(`GET ${LEASE}`, json(liveLease));
    api.expect(`GET ${DEPLOYMENT}`, live);
    const {options, told} = writer(api);
    const error = await refused(t, [{...collectLease, check}], options);
    t.true(error.isConflict);
    t.regex(error.message, /Deployment\/api has changed since the decision/);
    t.deepEqual(told.collected, []);
    t.deepEqual(told.prevented, ['LiveRead']);
  });
}

for (const status of [403, 500]) {
  test(`a Lease is not deleted when its subject can not be read: ${status}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`GET ${LEASE}`, json(liveLease));
    api.expect(`GET ${DEPLOYMENT}`, refusal(status, 'Refused'));
    t.is((await refused(t, [collectLease], writer(api).options)).status, status);
  });

  test(`a Lease is not deleted when it can not be read: ${status}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`GET ${LEASE}`, refusal(status, 'Refused'));
    t.is((await refused(t, [collectLease], writer(api).options)).status, status);
  });
}

for (const body of [null, [], {}, {metadata: null}, {metadata: {uid: 'uid-1', resourceVersion: '41'}}]) {
  test(`a Lease is not deleted when it, or its subject, is answered by ${JSON.stringify(body)}`, async t => {
    const api = await ApiServer.start(t);
    const {options, told} = writer(api);
    api.expect(`GET ${LEASE}`, json(body));
    t.is((await refused(t, [collectLease], options)).status, 0);
    api.expect(`GET ${LEASE}`, json(liveLease));
    api.expect(`GET ${DEPLOYMENT}`, json(body));
    const check = expectLabels({});
    t.is((await refused(t, [{...collectLease, check}], options)).status, 0);
    t.deepEqual(told.collected, []);
  });

  test(`a write that is answered by ${JSON.stringify(body)} has failed, and the caches are not told`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`POST ${REGISTRIES}?${MANAGER}`, json(body, 201));
    const {options, told} = writer(api);
    t.is((await refused(t, [createRegistry], options)).status, 0);
    t.deepEqual([told.written, told.done], [[], []]);
  });
}

test('a write whose answer the caches can not read has failed, and ends nothing', async t => {
  const api = await ApiServer.start(t);
  api.expect(`POST ${REGISTRIES}?${MANAGER}`, json({metadata: {name: 'leases'}}, 201));
  const onWritten = () => {
    throw new TypeError('no such field');
  };
  const error = await refused(t, [createRegistry], {...writer(api).options, onWritten});
  t.regex(error.message, /no such field/);
});

test('a Lease that is renewed between the live read and the delete stays: a conflict', async t => {
  const api = await ApiServer.start(t);
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`GET ${DEPLOYMENT}`, notFound);
  api.expect(`DELETE ${LEASE}`, refusal(409, 'Conflict', 'the resourceVersion does not match'));
  const {options, told} = writer(api);
  t.true((await refused(t, [collectLease], options)).isConflict);
  t.deepEqual(told.done, []);
  t.deepEqual(told.prevented, ['Precondition']);
});

for (const action of [
  createLease,
  labelLease,
  writeRecord,
  createRegistry,
  patchRegistry,
  deleteRegistry,
  writeStatus,
  applyObject,
  {...applyObject, uid: 'uid-6'},
  deleteObject,
]) {
  const known = 'uid' in action && action.type === 'applyObject' && action.uid ? ' of an object of ours' : '';
  test(`${action.type}${known}: nothing is sent once the term is over`, async t => {
    const api = await ApiServer.start(t);
    const {options, told} = writer(api, {mayWrite: false, leftMs: 0, transitions: 3});
    await t.throwsAsync(apply([action], options), {instanceOf: TermEndedError});
    t.deepEqual(api.requests, []);
    t.deepEqual(told.done, []);
  });
}

test('a write that waits for a connection until the term has ended is not sent', async t => {
  const api = await ApiServer.start(t);
  let looks = 0;
  const term = {
    // The first look is before there is a connection, the second after.
    get mayWrite() {
      looks += 1;
      return looks === 1;
    },
    leftMs: 8_000,
    transitions: 3,
  };
  const {options, told} = writer(api, term);
  await t.throwsAsync(apply([createLease], options), {instanceOf: TermEndedError});
  t.is(looks, 2);
  t.deepEqual(api.requests, []);
  t.deepEqual(told.done, []);
});

test('collectLease: no delete is sent when the term ends during the live reads', async t => {
  const api = await ApiServer.start(t);
  const term = {mayWrite: true, leftMs: 8_000, transitions: 3};
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`GET ${DEPLOYMENT}`, (stream, request) => {
    term.mayWrite = false;
    notFound(stream, request);
  });
  const {options, told} = writer(api, term);
  await t.throwsAsync(apply([collectLease], options), {instanceOf: TermEndedError});
  t.deepEqual([told.done, told.collected], [[], []]);
});

test('applyObject: nothing is replaced when the term ends with the answer to the apply', async t => {
  const api = await ApiServer.start(t);
  const term = {mayWrite: true, leftMs: 8_000, transitions: 3};
  api.expect(`PATCH ${GRANT}`, (stream, request) => {
    term.mayWrite = false;
    json(live(grant, {subjects: []}))(stream, request);
  });
  const {options, told} = writer(api, term);
  const action = {...applyObject, rendered: grant, uid: 'uid-6'};
  await t.throwsAsync(apply([action], options), {instanceOf: TermEndedError});
  t.deepEqual(told.done, []);
});

test('the term is asked before every write, not once', async t => {
  const api = await ApiServer.start(t);
  const term = {mayWrite: true, leftMs: 8_000, transitions: 3};
  api.expect(`POST ${LEASES}`, (stream, request) => {
    term.mayWrite = false;
    json(liveLease, 201)(stream, request);
  });
  const {options, told} = writer(api, term);
  await t.throwsAsync(apply([createLease, labelLease], options), {instanceOf: TermEndedError});
  t.deepEqual(told.done, ['createLease']);
});

test('the answer to a write is not awaited beyond the term', async t => {
  const api = await ApiServer.start(t);
  api.expect(`POST ${LEASES}`, silence);
  const {options} = writer(api, {mayWrite: true, leftMs: 2_000, transitions: 3});
  const error = await refused(t, [createLease], options);
  t.regex(error.message, /no answer within 2000 ms/);
});

test('a Lease that turned out to be no garbage does not keep the next one from being collected, and is told', async t => {
  const api = await ApiServer.start(t);
  const next = {...version, name: 'payments-0000000000'};
  api.expect(`GET ${LEASE}`, json({...liveLease, metadata: {...liveLease.metadata, resourceVersion: '42'}}));
  api.expect(`GET ${LEASES}/${next.name}`, json(liveLease));
  api.expect(`DELETE ${LEASES}/${next.name}`, json({kind: 'Status'}));
  const {options, told} = writer(api);
  const actions = [collectLease, {...collectLease, lease: next, check: {expect: 'nothing'} as const}];
  const error = await refused(t, actions, options);
  t.regex(error.message, /^collect Lease shop\/payments-14c2529eb4/);
  t.deepEqual(told.done, ['collectLease']);
});

test('a collection that is forbidden keeps the next one from being tried', async t => {
  const api = await ApiServer.start(t);
  api.expect(`GET ${LEASE}`, json(liveLease));
  api.expect(`DELETE ${LEASE}`, refusal(403, 'Forbidden'));
  const {options, told} = writer(api);
  const unknown = {...collectLease, check: {expect: 'nothing'} as const};
  t.is((await refused(t, [unknown, unknown], options)).status, 403);
  t.deepEqual(told.done, []);
});

test('it stops at the first action that fails: what comes after may rest on it', async t => {
  const api = await ApiServer.start(t);
  api.expect(`POST ${REGISTRIES}`, json({metadata: {name: 'leases'}}, 201));
  api.expect(`POST ${LEASES}`, refusal(409, 'AlreadyExists'));
  const {options, told} = writer(api);
  const error = await refused(t, [createRegistry, createLease, emitEvent, writeStatus], options);
  t.is(error.reason, 'AlreadyExists');
  t.deepEqual(told.done, ['createRegistry']);
  t.deepEqual(told.events, []);
});

test('a policy that is refused keeps nothing of another from being done, and each failure is told', async t => {
  const api = await ApiServer.start(t);
  const other = {...createLease, policy: 'other', name: 'other-1'};
  const created = {...emitEvent, policy: 'other', reason: 'LeaseCreated'};
  api.expect(`POST ${LEASES}`, refusal(403, 'Forbidden'));
  api.expect(`POST ${LEASES}`, json(liveLease, 201));
  api.expect(`PATCH ${LEASES}/other-1`, refusal(422, 'Invalid'));
  const {options, told} = writer(api);
  const actions = [
    createLease,
    {...emitEvent, policy: 'payments'},
    other,
    created,
    {...labelLease, policy: 'other', name: 'other-1', purpose: 'label'} as const,
    emitEvent,
  ];
  t.deepEqual(
    (await apply(actions, options)).map(({status}) => status),
    [403, 422],
  );
  t.deepEqual(told.done, ['createLease', 'emitEvent']);
  t.deepEqual(told.events, [created]);
});

for (const purpose of ['overwrite', 'label'] as const) {
  test(`labels by which the API server protects a Lease are mended, whatever is refused: ${purpose}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`PATCH ${LEASES}/payments-old`, refusal(403, 'Forbidden'));
    api.expect(`PATCH ${LEASE}`, json(liveLease));
    const {options, told} = writer(api);
    const seal: Action = {...writeRecord, purpose: 'seal', lease: {...version, name: 'payments-old'}};
    const actions = [seal, {...labelLease, purpose}, labelLease];
    t.is((await refused(t, actions, options)).status, 403);
    t.deepEqual(told.done, ['labelLease'], 'and nothing is adopted');
  });
}

for (const purpose of ['close', 'renew', 'seal'] as const) {
  test(`whatever is refused, a Lease is kept closed: ${purpose}`, async t => {
    const api = await ApiServer.start(t);
    const hold = {...writeRecord, purpose, lease: {...version, name: 'payments-old'}};
    api.expect(`POST ${LEASES}`, refusal(403, 'Forbidden'));
    api.expect(`PATCH ${LEASES}/payments-old`, refusal(409, 'Conflict'));
    api.expect(`PATCH ${LEASES}/payments-old`, json(liveLease));
    const {options, told} = writer(api);
    const failures = await apply([createLease, hold, hold], options);
    t.deepEqual(
      failures.map(({status}) => status),
      [403, 409],
    );
    t.deepEqual(told.done, ['writeRecord']);
  });

  test(`no Lease is opened when another could not be kept closed: ${purpose}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(`PATCH ${LEASE}`, refusal(409, 'Conflict'));
    const {options, told} = writer(api);
    t.true((await refused(t, [{...writeRecord, purpose}, writeRecord, createLease], options)).isConflict);
    t.deepEqual(told.done, []);
    t.is(api.requests.length, 1);
  });
}

test('nothing is deleted that is not in the budget of status yet', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${STATUS}`, refusal(409, 'Conflict'));
  const {options, told} = writer(api);
  t.true((await refused(t, [writeStatus, patchRegistry, collectLease, collectLease], options)).isConflict);
  t.deepEqual([told.done, told.collected, api.requests.length], [[], [], 1]);
});

test('nothing is deleted whose counter is not kept yet', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${STATUS}`, json({metadata: {name: 'payments'}}));
  api.expect(`PATCH ${REGISTRIES}/leases`, refusal(403, 'Forbidden'));
  const {options, told} = writer(api);
  t.is((await refused(t, [writeStatus, patchRegistry, collectLease], options)).status, 403);
  t.deepEqual([told.done, told.collected], [['writeStatus'], []]);
});

test('a fencing counter is kept also where the registry is gone', async t => {
  const api = await ApiServer.start(t);
  api.expect(`PATCH ${REGISTRIES}/leases?${MANAGER}`, notFound);
  const create = api.expect(`POST ${REGISTRIES}?${MANAGER}`, json({metadata: {name: 'leases'}}, 201));
  const {options} = writer(api);
  const retired = {'payments-x': {transitions: 41}};
  await apply([{type: 'patchRegistry', namespace: 'shop', patch: {retired}}], options);
  t.deepEqual(((await create.received).body as {spec: object}).spec, {
    names: {},
    subjects: {},
    exempt: [],
    exemptUntil: {},
    allowed: '',
    retired,
  });
});
