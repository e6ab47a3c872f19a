/** Reads the file of further well-known Leases. */
import {readFile} from 'node:fs/promises';
import {type Catalogue, compileCatalogue, extend, KNOWN} from '../core/lease/catalogue.ts';
import {messageOf, UsageError} from '../errors.ts';

/** The entries of the file, and behind them those that come with the operator. */
export async function loadCatalogue(file: string): Promise<Catalogue> {
  const further = compileCatalogue(parse(await read(file), await import('yaml'), file));
  if (Array.isArray(further)) throw refused(file, further.join('; '));
  return extend(KNOWN, further);
}

const refused = (file: string, what: string) => new UsageError(`--catalogue ${file}: ${what}`);

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw refused(file, `it can't be read (${messageOf(error)}): write the path of a YAML or JSON file`);
  }
}

/** YAML, and so JSON. The parser is loaded by those who have such a file. */
function parse(text: string, yaml: typeof import('yaml'), file: string): unknown {
  try {
    return yaml.parse(text, {logLevel: 'error'});
  } catch (error) {
    const [reason = ''] = messageOf(error).split('\n');
    throw refused(file, `it is no YAML (${reason.replace(/:$/, '')}): write a list of entries`);
  }
}
