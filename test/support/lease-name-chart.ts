/** A chart of somebody's own product, which computes names of Leases by the chart leasepolicy-naming. */
import {cp, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {stringify} from 'yaml';
import {helmPrints, NAMING_CHART} from './helm.ts';

const VERSION = '0.1.0';

/** By a dependency on the library chart, or by a copy of its template. */
export type Way = 'dependency' | 'copy';

/** Makes a chart of these templates, by file name, and returns its folder. */
export async function productChart(
  t: ExecutionContext,
  way: Way,
  templates: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-product-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  await mkdir(path.join(folder, 'templates'));
  const library = {name: 'leasepolicy-naming', version: VERSION, repository: `file://${NAMING_CHART}`};
  const dependencies = way === 'dependency' ? [library] : [];
  const chart = {apiVersion: 'v2', name: 'product', version: VERSION, dependencies};
  await writeFile(path.join(folder, 'Chart.yaml'), stringify(chart));
  for (const [file, text] of Object.entries(templates))
    await writeFile(path.join(folder, 'templates', file), text);
  if (way === 'dependency') await helmPrints(['dependency', 'build', folder]);
  else await cp(path.join(NAMING_CHART, 'templates'), path.join(folder, 'templates'), {recursive: true});
  return folder;
}
