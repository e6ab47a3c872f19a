/** The Dockerfile: from nothing but exact things, to an image that has the program and nothing to break in with. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../dev/programs.ts';

type Step = {instruction: string; rest: string};

const text = readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8');
const steps: Step[] = text
  .replaceAll(/^\s*#.*\n/gm, '')
  .replaceAll(/\\\n/g, ' ')
  .split('\n')
  .flatMap(line => {
    const [, instruction, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return instruction && rest ? [{instruction, rest}] : [];
  });
const starts = [...steps.keys()].filter(index => steps[index]?.instruction === 'FROM');
const final = steps.slice((starts.at(-1) ?? 0) + 1);
const only = (instruction: string, of = final) => of.filter(each => each.instruction === instruction);

test('the final stage begins with nothing, and only copies: no shell, no package manager', t => {
  t.is(steps[starts.at(-1) ?? 0]?.rest, 'scratch');
  t.deepEqual(
    final.map(each => each.instruction),
    ['COPY', 'WORKDIR', 'ENV', 'USER', 'EXPOSE', 'ENTRYPOINT'],
  );
  const [copy] = only('COPY');
  t.is(copy?.rest, '--from=build /image /');
});

test('what is copied into it is the two bundles with their licenses, Node, its libraries and three files that say who it is', t => {
  const [filled = {rest: ''}] = only('RUN', steps).filter(each => each.rest.includes('/image'));
  const commands = filled.rest.split(';').map(each => each.trim());
  t.deepEqual(commands, [
    'set -eu',
    'mkdir -p /image/app /image/etc /image/usr/bin',
    'cp dist/operator.mjs dist/leasepolicy.mjs dist/THIRD-PARTY-LICENSES.txt /image/app/',
    'cp -L node_modules/.bin/node /image/usr/bin/node',
    "ldd /image/usr/bin/node | grep -o '/[^ ]*' | xargs cp -L --parents --target-directory=/image",
    "echo 'leasepolicy:x:65532:65532::/:/sbin/nologin' > /image/etc/passwd",
    "echo 'leasepolicy:x:65532:' > /image/etc/group",
    "echo 'hosts: files dns' > /image/etc/nsswitch.conf",
    'chmod -R a+rX /image',
  ]);
});

test('it runs as a number that is not root, by a list of words and not by a shell', t => {
  t.deepEqual(
    only('USER').map(each => each.rest),
    ['65532:65532'],
  );
  const [entry] = only('ENTRYPOINT');
  const words = JSON.parse(entry?.rest ?? '') as string[];
  t.deepEqual([words[0], words.at(-1)], ['/usr/bin/node', '/app/operator.mjs']);
  t.deepEqual(only('CMD', steps), []);
  t.notRegex(words.join(' '), /inspect|--eval|--require|--import/);
});

test('no signal opens a debugger in it', async t => {
  const [entry] = only('ENTRYPOINT');
  const flags = (JSON.parse(entry?.rest ?? '') as string[]).slice(1, -1);
  const program = "process.stdout.write('up');setTimeout(() => process.exit(7), 1000)";
  const child = spawn(process.execPath, [...flags, '--eval', program]);
  let errors = '';
  child.stderr.on('data', chunk => {
    errors += chunk;
  });
  await once(child.stdout, 'data');
  child.kill('SIGUSR1');
  const [code] = await once(child, 'close');
  t.is(code, 7, 'it goes on');
  t.is(errors, '');
});

test('the image to build in is an exact version, that of the Node in package.json, or what one names by a digest', t => {
  const {devDependencies} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: {node: string};
  };
  t.deepEqual(
    steps.slice(0, starts[0]).map(each => each.rest),
    [`NODE_IMAGE=node:${devDependencies.node}-bookworm-slim`],
  );
  const bases = starts.map(index => steps[index]?.rest ?? '');
  t.is(bases.length, 2);
  t.regex(bases[0] ?? '', /^\$\{NODE_IMAGE\} AS build$/);
});

test('nothing comes from the net but what the lock file names, and Node is looked at before it runs', t => {
  t.deepEqual(only('ADD', steps), []);
  t.notRegex(
    text.replaceAll(/^#.*$/gm, ''),
    /https?:|curl|wget|apt-get|apk |npm (i|install)\b|npx|git clone/,
  );
  const runs = only('RUN', steps).map(each => each.rest);
  t.is(runs[0], 'npm ci');
  t.regex(runs[1] ?? '', /^grep -q .*sha256sum < node_modules\/\.bin\/node.* dev\/node\.sha256$/);
  t.true(
    runs.slice(0, 2).every(each => !/bin\/node /.test(each.replace(/< node_modules\/\.bin\/node /, ''))),
  );
});

test('what is sent to the build is what it copies, and no key or history of anybody', t => {
  const lines = readFileSync(path.join(ROOT, '.dockerignore'), 'utf8').split('\n');
  const rules = lines.filter(line => line !== '' && !line.startsWith('#'));
  t.is(rules[0], '*');
  const copied = only('COPY', steps.slice(0, starts.at(-1))).flatMap(each =>
    each.rest.split(' ').slice(0, -1),
  );
  t.deepEqual(
    rules
      .slice(1)
      .map(rule => rule.replace(/^!/, ''))
      .sort(),
    copied.sort(),
  );
  t.true(rules.slice(1).every(rule => rule.startsWith('!')));
});
