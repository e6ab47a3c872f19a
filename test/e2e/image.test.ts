/** The image: really built from the Dockerfile, and at work on a real API server with nothing but what is in it. */
import {readdir, readFile, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {runningPrograms, sendSignal} from '../../dev/controlplane/process.ts';
import {leading, operatorCommand, ROOT} from '../../dev/programs.ts';
import {eventually} from '../support/eventually.ts';
import {Image, whyNoImage} from '../support/image.ts';
import {setStage} from '../support/stage.ts';

const why = whyNoImage();
const whereBuilt = why === undefined ? test : test.skip;

whereBuilt(
  `the Dockerfile builds an image that names, leads and ends as asked${why ? `: ${why}` : ''}`,
  async t => {
    t.timeout(420_000);
    await operatorCommand();
    const image = await Image.built(t);

    t.deepEqual(await filesBesideLibraries(image.root), [
      'app/THIRD-PARTY-LICENSES.txt',
      'app/leasepolicy.mjs',
      'app/operator.mjs',
      'etc/group',
      'etc/nsswitch.conf',
      'etc/passwd',
      'usr/bin/node',
    ]);
    for (const name of ['operator.mjs', 'leasepolicy.mjs', 'THIRD-PARTY-LICENSES.txt']) {
      const [inside, ours] = await Promise.all([
        readFile(path.join(image.root, 'app', name)),
        readFile(path.join(ROOT, 'dist', name)),
      ]);
      t.true(inside.equals(ours), `${name} is what make build makes`);
    }
    t.like(image.config, {User: '65532:65532', WorkingDir: '/app'});

    const policy = path.join(ROOT, 'config/samples/payments.yaml');
    const asked = ['name', 'deployment/api', '-n', 'shop', '-f', '/policy.yaml'];
    const named = await image.run(['/usr/bin/node', '/app/leasepolicy.mjs', ...asked], {
      '/policy.yaml': policy,
    });
    t.is(named, 'payments-14c2529eb4');
    t.is(await image.run(['/usr/bin/node', '-p', 'process.getuid()']), '65532');
    await t.throwsAsync(image.run(['/bin/sh', '-c', 'true']), {message: /no such file/});

    const stage = await setStage(t);
    // With the keys in it, and readable for the image's user.
    const kubeconfig = path.join(path.dirname(stage.cluster.kubeconfig), 'for-the-image');
    await writeFile(kubeconfig, await stage.kubectl(['config', 'view', '--raw', '--flatten']));
    const flags = ['--http-port', '0', '--log-format', 'json', '--identity', 'in-the-image'];
    const program = image.start(flags, {'/kubeconfig': kubeconfig}, ['KUBECONFIG=/kubeconfig']);
    t.teardown(() => program.stop('SIGKILL'));
    await program.line('leading', leading);
    const pid = await eventually('its process', async () =>
      pidOf('/usr/bin/node', '--identity in-the-image'),
    );
    const rssMiB = await rssOf(pid);
    t.log(`RSS after its start: ${rssMiB} MiB`);
    const readme = (await readFile(path.join(ROOT, 'README.md'), 'utf8')).replaceAll('\n', ' ');
    const told = Number(/takes (\d+) MiB right after its start/.exec(readme)?.[1]);
    t.true(Math.abs(rssMiB / told - 1) < 0.25, `README says ${told} MiB and it is ${rssMiB}`);
    sendSignal(pid, 'SIGTERM');
    await program.line('the end', line => line.message === 'stopped');
    t.is(await program.stop('SIGCONT'), 0);
  },
);

async function filesBesideLibraries(root: string): Promise<string[]> {
  const names = await readdir(root, {recursive: true, encoding: 'utf8'});
  const files = await Promise.all(
    names.map(async name => ((await stat(path.join(root, name))).isFile() ? [name] : [])),
  );
  return files
    .flat()
    .filter(name => !/(^|\/)lib(64)?\/.*\.so(\.\d+)*$/.test(name))
    .sort();
}

const pidOf = (program: string, flag: string) =>
  runningPrograms().find(
    each => each.commandLine.startsWith(`${program} `) && each.commandLine.includes(flag),
  )?.pid;

async function rssOf(pid: number): Promise<number> {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}
