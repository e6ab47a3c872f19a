/** Writes crds/*.yaml from the schemas in src/api; with --check it only says whether they are in step. */
import {readFileSync, writeFileSync} from 'node:fs';
import {stringify} from 'yaml';
import {customResourceDefinition, resources} from '../src/api/crd.ts';

// kubectl reads YAML 1.1, in which a bare Off is false.
const YAML = {version: '1.1', lineWidth: 0, aliasDuplicateObjects: false} as const;
const HEADER = '# Generated from src/api by `make crds`: edit the schema there.\n';

let stale = 0;
for (const resource of resources) {
  const file = new URL(`../crds/${resource.plural}.yaml`, import.meta.url);
  const text = HEADER + stringify(customResourceDefinition(resource), YAML);
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`crds/${resource.plural}.yaml is not in step with src/api: run make crds\n`);
    stale = 1;
  }
}
process.exitCode = stale;
