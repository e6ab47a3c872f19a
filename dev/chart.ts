/**
 * Writes what the Helm chart shares with config/, and the table of its values in docs/helm.md; with --check it only says
 * whether they are in step. A chart can read no file outside of its own folder.
 */
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {valuesTable} from './chart/values-table.ts';
import {ROOT} from './programs.ts';

/** Each file of the chart, and the one that it is a copy of. */
const COPIES: Readonly<Record<string, string>> = {
  'files/crds/leasepolicies.yaml': 'crds/leasepolicies.yaml',
  'files/crds/leaseregistries.yaml': 'crds/leaseregistries.yaml',
  'files/monitoring/rules.yaml': 'config/monitoring/rules.yaml',
  'files/monitoring/dashboard.json': 'config/monitoring/dashboard.json',
  'files/policies/nodes.yaml': 'config/policies/system/nodes.yaml',
  'files/policies/api-servers.yaml': 'config/policies/system/api-servers.yaml',
  'files/policies/control-plane.yaml': 'config/policies/system/control-plane.yaml',
  'templates/_lease-name.tpl': 'charts/leasepolicy-naming/templates/_lease-name.tpl',
};

const CHART = 'charts/leasepolicy';
const PAGE = 'docs/helm.md';
const TABLE =
  /(<!-- values: written by `make chart` from values.yaml -->\n).*?(\n<!-- end of the values -->)/s;

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');

function wanted(): Map<string, string> {
  const files = new Map(
    Object.entries(COPIES).map(([copy, original]) => [`${CHART}/${copy}`, read(original)]),
  );
  return files.set(PAGE, pageWith(valuesTable(read(`${CHART}/values.yaml`))));
}

function pageWith(table: string): string {
  const page = read(PAGE);
  if (!TABLE.test(page)) throw new Error(`${PAGE} has no place for the table of values`);
  return page.replace(TABLE, (_, before, after) => `${before}${table}${after}`);
}

const isInStep = ([file, text]: [string, string]) => {
  try {
    return read(file) === text;
  } catch {
    return false;
  }
};

for (const entry of wanted()) {
  const [file, text] = entry;
  if (isInStep(entry)) continue;
  if (process.argv.includes('--check')) {
    process.stderr.write(`${file} is not in step with what it is made from: run make chart\n`);
    process.exitCode = 1;
  } else {
    mkdirSync(path.dirname(path.join(ROOT, file)), {recursive: true});
    writeFileSync(path.join(ROOT, file), text);
  }
}
