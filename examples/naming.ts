/**
 * A program that prints the name of the Lease of a workload.
 *
 *     make build
 *     kubectl get deployment api -o json > api.json
 *     node examples/naming.ts api.json
 */
import {readFile} from 'node:fs/promises';
import {leaseName, NamingError} from 'leasepolicy/naming';

/** spec.naming of the LeasePolicy, as it is written there. */
const naming = {prefix: 'payments'};

const [file = ''] = process.argv.slice(2);
const {kind, metadata} = JSON.parse(await readFile(file, 'utf8'));
try {
  console.log(leaseName(naming, {kind, ...metadata}));
} catch (error) {
  if (!(error instanceof NamingError)) throw error;
  console.error(`${error.problem}: ${error.message}`);
  process.exitCode = 1;
}
