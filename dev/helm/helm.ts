/** Finds or builds helm, with which the chart is checked and installed. */
import {buildGoTool} from '../controlplane/binaries.ts';
import {type Report, toStderr} from '../controlplane/process.ts';

/** The path of helm. It takes a minute once, with Go, and nothing after that. */
export function ensureHelm(report: Report = toStderr, signal?: AbortSignal): Promise<string> {
  return buildGoTool(import.meta.dirname, report, signal);
}
