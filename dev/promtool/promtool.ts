/** Finds or builds promtool, which checks rules and runs their tests. */
import {buildGoTool} from '../controlplane/binaries.ts';
import {type Report, toStderr} from '../controlplane/process.ts';

/** The path of promtool. It takes a few minutes once, with Go, and nothing after that. */
export function ensurePromtool(report: Report = toStderr, signal?: AbortSignal): Promise<string> {
  return buildGoTool(import.meta.dirname, report, signal);
}
