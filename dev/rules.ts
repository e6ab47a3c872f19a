/** Writes config/monitoring/prometheusrule.yaml from rules.yaml; with --check it only says whether they are in step. */
import {readFileSync, writeFileSync} from 'node:fs';
import {parse, stringify} from 'yaml';

const FOLDER = new URL('../config/monitoring/', import.meta.url);
const TARGET = new URL('prometheusrule.yaml', FOLDER);
const HEADER = '# Generated from rules.yaml by `make rules`: edit it there.\n';

const {groups} = parse(readFileSync(new URL('rules.yaml', FOLDER), 'utf8')) as {groups: object[]};
const resource = {
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PrometheusRule',
  metadata: {name: 'leasepolicy', namespace: 'leasepolicy-system'},
  spec: {groups},
};
// kubectl reads YAML 1.1, in which more words than true and false are booleans.
const text = HEADER + stringify(resource, {version: '1.1', lineWidth: 0, aliasDuplicateObjects: false});

if (!process.argv.includes('--check')) {
  writeFileSync(TARGET, text);
} else if (readFileSync(TARGET, 'utf8') !== text) {
  process.stderr.write(
    'config/monitoring/prometheusrule.yaml is not in step with rules.yaml: run make rules\n',
  );
  process.exitCode = 1;
}
