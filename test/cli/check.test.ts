/** check as people and CI systems call it: places, exit codes, formats, and files that are none. */
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {LINT_RULES} from '../../src/core/lint/lint.ts';
import {call} from '../support/command.ts';

const LEASE = `# The lock of the mailer.
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: mailer
  namespace: shop
spec:
  leaseDurationSeconds: 15
  holderIdentity: ""
`;
const ROLE = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mailer, namespace: shop}
rules:
  # leasepolicy.dev/ignore: LP202=it collects what others left
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [delete]
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [update]
`;
const GOOD = 'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: mailer}\n';

async function folderOf(t: ExecutionContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-check-'));
  t.teardown(() => rm(folder, {recursive: true}));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), {recursive: true});
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}

const check = (stdin: string, ...flags: string[]) => call(['check', '-', ...flags], {stdin});

test('a table has the place of each finding, and the sum stands on standard error', async t => {
  t.deepEqual(await check([LEASE, ROLE].join('---\n')), {
    code: 2,
    stdout: [
      'PLACE    SEVERITY   RULE     OBJECT              MESSAGE',
      '-:9      error      LP101    Lease/shop/mailer   it sets spec.holderIdentity, and so takes the Lease from its holder: leave it out of the manifest',
      '-:19     info       LP203    Role/shop/mailer    update or patch of every Lease of the namespace: add resourceNames with its own',
      '',
    ].join('\n'),
    stderr:
      '1 error, 0 warnings, 1 for information, 1 ignored in 2 objects; leasepolicy check --explain RULE says more.\n',
  });
});

test('good manifests are a sentence and the exit code 0', async t => {
  t.deepEqual(await check(GOOD), {code: 0, stdout: '', stderr: 'Nothing found in 1 object.\n'});
});

for (const [yaml, failOn, code] of [
  [LEASE, 'error', 2],
  [LEASE, 'never', 0],
  [ROLE, 'error', 0],
  [ROLE, 'warning', 0],
  [ROLE, 'info', 2],
  [ROLE.replace(/.*ignore.*\n/, ''), 'warning', 2],
  [ROLE.replace(/.*ignore.*\n/, ''), 'error', 0],
  [GOOD, 'info', 0],
] as const) {
  const what = /kind: (\w+)/.exec(yaml)?.[1] ?? '';
  test(`the exit code with --fail-on ${failOn} is ${code}, of a ${what} with ${yaml.length} characters`, async t => {
    t.is((await check(yaml, '--fail-on', failOn)).code, code);
  });
}

test('a rule that is skipped is not looked at', async t => {
  t.is((await check(LEASE, '--skip', 'lp101,LP102')).code, 0);
  t.is((await check(LEASE, '--skip', 'LP102', '--skip', 'LP101')).code, 0);
  const {code, stderr} = await check(LEASE, '--skip', 'LP999');
  t.is(code, 1);
  t.regex(stderr, /there is no rule LP999: they go from LP001 to LP707, see docs\/check\.md\n$/);
});

test('objects without a namespace are in that of -n', async t => {
  const two = ['a', 'b']
    .map(
      name =>
        `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec: {template: {spec: {containers: [{name: main, args: [--election-id=mail]}]}}}\n`,
    )
    .join('---\n');
  const {stdout} = await check(two, '-n', 'shop');
  t.regex(stdout, /Deployment\/shop\/a +Deployment\/b elects by Lease mail too/);
});

test('a folder is all that is below it, but for what are no manifests', async t => {
  const folder = await folderOf(t, {
    'a/lease.yaml': LEASE,
    'a/b/role.yml': ROLE,
    'kustomization.yaml': 'resources: [a/lease.yaml]\n',
    'a/kustomization.yaml': 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n',
    'values.yaml': 'replicas: 3\n',
    'dashboard.json': '{"panels": []}',
    'list.yaml': '- 1\n',
    '.git/config.yaml': LEASE,
    'node_modules/a/lease.yaml': LEASE,
    'notes.txt': 'text',
  });
  const {code, stdout, stderr} = await call(['check', folder, '-o', 'json']);
  t.is(stderr, '');
  t.is(code, 2);
  const {findings, errors, summary} = JSON.parse(stdout);
  t.deepEqual(errors, []);
  t.deepEqual(summary, {files: 7, objects: 2, errors: 1, warnings: 0, infos: 1, ignored: 1});
  t.deepEqual(
    findings.map((each: {file: string; line: number; rule: string}) => [
      path.relative(folder, each.file),
      each.line,
      each.rule,
    ]),
    [
      ['a/b/role.yml', 6, 'LP202'],
      ['a/b/role.yml', 9, 'LP203'],
      ['a/lease.yaml', 9, 'LP101'],
    ],
  );
  t.like(findings[0], {severity: 'warning', ignored: 'it collects what others left'});
  t.deepEqual(findings[2].object, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    namespace: 'shop',
    name: 'mailer',
  });
});

const LIST = `kind: List
apiVersion: v1
items:
  - apiVersion: v1
    kind: ConfigMap
  - apiVersion: coordination.k8s.io/v1
    kind: Lease
    metadata: {name: mailer}
    # leasepolicy.dev/ignore: LP101=of another item
  - apiVersion: coordination.k8s.io/v1
    kind: Lease
    metadata: {name: held}
    spec: {holderIdentity: a}
`;

test('of a list with one bad item the good ones are judged, and the exit code is 1', async t => {
  const {code, stdout, stderr} = await check(LIST);
  t.is(code, 1);
  t.regex(stdout, /-:7 +warning +LP102 +Lease\/mailer /);
  t.regex(stdout, /-:13 +error +LP101 +Lease\/held /);
  t.regex(
    stderr,
    /^leasepolicy: -, line 4: item 1 of the list is no manifest \(it has no metadata\): correct it\n/,
  );
});

test('with -o json what can not be read stands among the errors', async t => {
  const {code, stdout, stderr} = await check(`${GOOD}---\n{\n`, '-o', 'json');
  t.is(code, 1);
  t.is(stderr, '');
  const {errors, summary} = JSON.parse(stdout);
  t.is(summary.objects, 1);
  t.is(errors.length, 1);
  t.like(errors[0], {reason: 'InvalidFile', next: 'correct it'});
  t.regex(errors[0].message, /^-, line [56]: it is no YAML/);
});

for (const [what, text, sentence] of [
  ['no YAML', 'a: b: c\n', /^-, line 1: it is no YAML \(.*\): correct it$/],
  ['a text', 'just a text\n', /^-, line 1: it is no manifest \(it is no map of fields\): correct it$/],
  ['no kind', 'apiVersion: v1\n', /^-, line 1: it is no manifest \(it has no kind\): correct it$/],
  [
    'a template',
    '{{- if .Values.a }}\na: b\n{{- end }}\n',
    /^-, line \d: it is no YAML \(.*\): render the template first, as by helm template$/,
  ],
  ['a tab', 'a:\n\tb: c\n', /^-, line 2: it is no YAML/],
  ['one key twice', `${GOOD}kind: A\n`, /^-, line 4: it is no YAML \(Map keys must be unique/],
] as const) {
  test(`one sentence with file and line: ${what}`, async t => {
    const {code, stderr} = await check(text);
    t.is(code, 1);
    t.notRegex(stderr, /Nothing found in 0/);
    const [line] = stderr.split('\n').filter(each => each.startsWith('leasepolicy: -'));
    t.regex(line?.replace('leasepolicy: ', '') ?? '', sentence);
  });
}

test('a file that is not there keeps no other from being judged', async t => {
  const folder = await folderOf(t, {'lease.yaml': LEASE});
  const {code, stdout, stderr} = await call(['check', 'no-such.yaml', path.join(folder, 'lease.yaml')]);
  t.is(code, 1);
  t.regex(stdout, /lease\.yaml:9 +error +LP101/);
  t.regex(stderr, /^leasepolicy: no-such\.yaml can't be read \(.*\): write the path of a manifest\n/);
});

for (const [what, text] of [
  ['nothing at all', ''],
  ['white space', ' \n\n'],
  ['comments and separators, as of a chart that renders nothing', '---\n# Source: a.yaml\n---\n'],
] as const) {
  test(`standard input without any object is an error, as what writes it may have failed: ${what}`, async t => {
    const sentence =
      'there is no object in the standard input: see whether the program that writes it has failed';
    t.deepEqual(await check(text), {code: 1, stdout: '', stderr: `leasepolicy: ${sentence}\n`});
    for (const format of ['json', 'sarif', 'junit']) t.is((await check(text, '-o', format)).code, 1, format);
  });
}

test('a file that is named and empty is an error, and one of a folder is not', async t => {
  const folder = await folderOf(t, {'empty.yaml': '', 'good.yaml': GOOD});
  const {code, stderr} = await call(['check', path.join(folder, 'empty.yaml')]);
  t.is(code, 1);
  t.regex(stderr, /^leasepolicy: \S+\/empty\.yaml is empty: see whether [^\n]+ has failed\n$/);
  t.deepEqual(await call(['check', folder]), {code: 0, stdout: '', stderr: 'Nothing found in 1 object.\n'});
});

test('nothing to check is wrong usage', async t => {
  const {code, stderr} = await call(['check']);
  t.is(code, 1);
  t.is(stderr, 'leasepolicy: there is nothing to check: write files, folders, or - for standard input\n');
});

test('a rule is explained with its examples', async t => {
  for (const {id, title, why} of LINT_RULES) {
    const {code, stdout} = await call(['check', '--explain', id.toLowerCase()]);
    t.is(code, 0);
    t.true(stdout.startsWith(`${id} (`) && stdout.includes(title) && stdout.includes(why), id);
    t.true(stdout.endsWith(`\n\nSee docs/check.md#${id.toLowerCase()}.\n`), id);
  }
});

test('JUnit has a case for each finding and each good object', async t => {
  const {code, stdout} = await check([LEASE, ROLE, GOOD, '{\n'].join('---\n'), '-o', 'junit');
  t.is(code, 1);
  t.is(
    stdout.replace(/"-, line .*?"/g, '"..."').replace(/>-, line .*?</, '>...<'),
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="leasepolicy check" tests="5" failures="1" errors="1" skipped="1">
  <testsuite name="-" tests="4" failures="1" errors="0" skipped="1">
    <testcase name="LP101 Lease/shop/mailer" classname="-">
      <failure message="-:9: error: it sets spec.holderIdentity, and so takes the Lease from its holder: leave it out of the manifest">-:9: error: it sets spec.holderIdentity, and so takes the Lease from its holder: leave it out of the manifest</failure>
    </testcase>
    <testcase name="LP202 Role/shop/mailer" classname="-">
      <skipped message="it collects what others left"/>
    </testcase>
    <testcase name="LP203 Role/shop/mailer" classname="-">
      <system-out>-:19: info: update or patch of every Lease of the namespace: add resourceNames with its own</system-out>
    </testcase>
    <testcase name="ServiceAccount/mailer" classname="-"/>
  </testsuite>
  <testsuite name="unreadable" tests="1" failures="0" errors="1" skipped="0">
    <testcase name="..." classname="unreadable">
      <error message="...">...</error>
    </testcase>
  </testsuite>
</testsuites>
`,
  );
});

test('what strangers wrote can not leave its place in XML and in a table', async t => {
  const odd = `apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: "a\\"<b>&\\u001b[31m\\n]]>"}\n`;
  const {stdout} = await check(odd, '-o', 'junit', '--fail-on', 'info');
  t.true(stdout.includes('name="LP102 Lease/a&quot;&lt;b&gt;&amp;\\u001b[31m&#10;]]&gt;"'), stdout);
  t.false(stdout.includes('\u001b'));
  const table = (await check(odd)).stdout;
  t.is(table.split('\n').length, 3);
});

type Sarif = {
  version: string;
  runs: {
    tool: {driver: {name: string; rules: {id: string; defaultConfiguration: {level: string}}[]}};
    invocations: {executionSuccessful: boolean; toolExecutionNotifications: {message: {text: string}}[]}[];
    results: {
      ruleId: string;
      ruleIndex: number;
      level: string;
      message: {text: string};
      locations: {physicalLocation: {artifactLocation: {uri: string}; region: {startLine: number}}}[];
      partialFingerprints: Record<string, string>;
      suppressions: {kind: string; justification: string}[];
    }[];
  }[];
};

function runOf({runs: [run]}: Sarif): Sarif['runs'][number] {
  if (!run) throw new Error('there is no run');
  return run;
}

test('SARIF has what the schema of 2.1.0 requires, and what GitHub reads', async t => {
  const folder = await folderOf(t, {'a lease.yaml': LEASE, 'role.yaml': ROLE, 'bad.yaml': '{'});
  const {stdout, stderr, code} = await call(['check', folder, '-o', 'sarif']);
  t.is(code, 1);
  t.is(stderr, '');
  const log: Sarif = JSON.parse(stdout);
  t.is(log.version, '2.1.0');
  const {tool, invocations, results} = runOf(log);
  t.is(tool.driver.name, 'leasepolicy check');
  t.deepEqual(
    tool.driver.rules.map(({id}) => id),
    LINT_RULES.map(({id}) => id),
  );
  t.is(invocations[0]?.executionSuccessful, false);
  t.regex(
    invocations[0]?.toolExecutionNotifications[0]?.message.text ?? '',
    /bad\.yaml, line 1: it is no YAML/,
  );
  t.deepEqual(
    results.map(({ruleId, level, suppressions}) => [ruleId, level, suppressions]),
    [
      ['LP101', 'error', []],
      ['LP202', 'warning', [{kind: 'inSource', justification: 'it collects what others left'}]],
      ['LP203', 'note', []],
    ],
  );
  for (const {ruleId, ruleIndex, locations, partialFingerprints, message} of results) {
    t.is(tool.driver.rules[ruleIndex]?.id, ruleId);
    t.regex(message.text, /^(Lease|Role)\/shop\/mailer: /);
    const [{physicalLocation} = {}] = locations;
    t.notThrows(() => new URL(physicalLocation?.artifactLocation.uri ?? ''));
    t.true(Number(physicalLocation?.region.startLine) >= 1);
    t.regex(partialFingerprints['leasepolicy/v1'] ?? '', /^[0-9a-f]{32}$/);
  }
});

test('in SARIF a file below the present folder is a relative one', async t => {
  const {stdout} = await call(['check', 'config/rbac/access.yaml', '-o', 'sarif']);
  const log: Sarif = JSON.parse(stdout);
  t.is(runOf(log).results[0]?.locations[0]?.physicalLocation.artifactLocation.uri, 'config/rbac/access.yaml');
});

test('of our own manifests nothing is told but what is ignored with a reason', async t => {
  for (const folder of ['config', 'crds', 'examples']) {
    const {stdout} = await call(['check', path.join(ROOT, folder), '-o', 'json', '--fail-on', 'warning']);
    const {findings, errors} = JSON.parse(stdout);
    const told = findings.filter(
      (each: {severity: string; ignored: unknown}) => each.severity !== 'info' && each.ignored === null,
    );
    t.deepEqual(told, []);
    if (folder !== 'examples') t.deepEqual(errors, []);
  }
});
