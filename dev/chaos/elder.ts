/** What an operator process that lives through all of it holds on to. */
import {readdir, readFile, readlink} from 'node:fs/promises';
import type {Program} from '../programs.ts';

export type Holdings = {sockets: number; timers: number; rssMiB: number};

/** Counts the timers by its own metrics, and the rest by what Linux knows of the process. */
export async function holdingsOf(program: Program): Promise<Holdings> {
  const {httpPort} = await program.line('started', line => line.message === 'started');
  program.mustRun();
  // Before it is asked for its metrics, as the question is a socket too.
  const sockets = await socketsOf(program.pid);
  const answer = await fetch(`http://127.0.0.1:${httpPort}/metrics`, {headers: {connection: 'close'}});
  const metrics = await answer.text();
  const status = await readFile(`/proc/${program.pid}/status`, 'utf8');
  const timers = /^nodejs_active_resources\{type="Timeout"\} (\d+)$/m.exec(metrics)?.[1];
  const rssKiB = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  // It always waits for something; a metric under another name would count no leak for ever.
  if (timers === undefined || sockets === 0) throw new Error(`${program.name} tells of no timers or sockets`);
  return {sockets, timers: Number(timers), rssMiB: Math.round(Number(rssKiB) / 1024)};
}

async function socketsOf(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`;
  const targets = (await readdir(folder)).map(fd => readlink(`${folder}/${fd}`).catch(() => ''));
  return (await Promise.all(targets)).filter(target => target.startsWith('socket:')).length;
}
