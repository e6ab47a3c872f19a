/** Bundles the operator and the command line and writes what is in them, dist/leasepolicy.cdx.json. */
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {billOf, bundledIn, type Lock} from './bill.ts';
import {operatorCommand, ROOT} from './programs.ts';

await operatorCommand();
const json = <T>(file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as T;
const bill = billOf(json<Lock>('package-lock.json'), await bundledIn(path.join(ROOT, 'dist')));
writeFileSync(path.join(ROOT, 'dist/leasepolicy.cdx.json'), `${JSON.stringify(bill, undefined, 2)}\n`);
const inBundle = bill.components.filter(({type, scope}) => type === 'library' && scope === 'required');
process.stdout.write(
  `dist/leasepolicy.cdx.json: ${bill.components.length} components, ${inBundle.length} of them packages in the bundle\n`,
);
