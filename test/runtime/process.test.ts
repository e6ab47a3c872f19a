import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import test from 'ava';
import {hasEnded, runningPrograms, sendSignal} from '../../dev/controlplane/process.ts';
import {eventually} from '../support/eventually.ts';

test('a running process has not ended, and one that nobody knows has', async t => {
  const child = spawn('sleep', ['60']);
  const pid = child.pid ?? 0;
  t.false(hasEnded(pid));
  child.kill('SIGKILL');
  await once(child, 'close');
  t.true(hasEnded(pid));
});

test('a process whose parent never asks for its end has ended all the same', async t => {
  // The shell becomes a program that never waits for the child that the shell has started.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
  const [line] = await once(createInterface(parent.stdout), 'line');
  const pid = Number(line);
  t.false(hasEnded(pid));
  sendSignal(pid, 'SIGKILL');
  await eventually('the child has ended', async () => hasEnded(pid));
  t.false(runningPrograms().some(program => program.pid === pid));
  parent.kill('SIGKILL');
});
