/** From the text of a file to the objects in it, each with the places of its fields; what is no manifest is told. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  visit,
} from 'yaml';
import {itemsOf, type Manifest, manifestOf} from '../../core/manifest/manifest.ts';
import {messageOf} from '../../errors.ts';
import {Failure} from '../terminal/failure.ts';

/** An object, and where it stands. */
export type Found = {
  /** The file, or - for standard input. */
  readonly file: string;
  /** The line at which it begins, from 1. */
  readonly line: number;
  readonly manifest: Manifest;
  /** What its comments say, without the signs that make them comments. */
  readonly comments: readonly string[];
  /** The line of the field at the end of the path, or of the nearest one above it that is there. */
  readonly lineOf: (path: readonly (string | number)[]) => number;
};

export type SourceOptions = {
  /** Whether what has neither apiVersion nor kind is passed over, as folders have files for others too. */
  readonly skipsOthers?: boolean;
};

/** One text as a whole: its objects, and a Failure for each thing that is no manifest. */
export function objectsIn(text: string, file: string, options: SourceOptions = {}): (Found | Failure)[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {lineCounter: lines, logLevel: 'error', merge: true});
  const isTemplate = text.includes('{{');
  return [...documents].flatMap(document =>
    new Source(document, {file, lines, isTemplate, ...options}).objects(),
  );
}

/** What is known of the file of a document. */
type Context = SourceOptions & {
  readonly file: string;
  readonly lines: LineCounter;
  /** Whether it looks like the template of a chart. */
  readonly isTemplate: boolean;
};

class Source {
  readonly #document: Document.Parsed;
  readonly #context: Context;

  constructor(document: Document.Parsed, context: Context) {
    this.#document = document;
    this.#context = context;
  }

  objects(): (Found | Failure)[] {
    const {contents, errors} = this.#document;
    const line = this.#lineAt(contents);
    const [error] = errors;
    if (error) return [this.#failure(error.linePos?.[0].line ?? line, 'it is no YAML', error.message)];
    try {
      return this.#items(this.#document.toJS());
    } catch (tooMuch) {
      return [this.#failure(line, 'it is no YAML', messageOf(tooMuch))];
    }
  }

  #items(content: unknown): (Found | Failure)[] {
    // As between two separators of Helm.
    if (content === null || content === undefined || isKustomization(content)) return [];
    if (this.#context.skipsOthers && isOthers(content)) return [];
    const items = itemsOf(content);
    const root = this.#document.contents;
    const list = items[0] === content ? undefined : valueIn(root, 'items', this.#document);
    return items.map((item, at) => {
      const node = list === undefined ? root : (valueIn(list, at, this.#document) ?? list);
      const manifest = manifestOf(named(item));
      const what = items.length > 1 ? `item ${at + 1} of the list is no manifest` : 'it is no manifest';
      if (typeof manifest === 'string') return this.#failure(this.#lineAt(node), what, manifest);
      return this.#found(manifest, node, list === undefined);
    });
  }

  #found(manifest: Manifest, node: Node | null, isWhole: boolean): Found {
    const {commentBefore, comment} = this.#document;
    const around = isWhole ? [commentBefore, comment].flatMap(each => each ?? []) : [];
    return {
      file: this.#context.file,
      line: this.#lineAt(node),
      manifest,
      comments: [...around, ...commentsIn(node)],
      lineOf: path => this.#lineOf(node, path),
    };
  }

  #lineOf(node: Node | null, path: readonly (string | number)[]): number {
    let line = this.#lineAt(node);
    let at: Node | null | undefined = node;
    for (const key of path) {
      const place = placeIn(at, key, this.#document);
      if (!place) break;
      line = this.#lineAt(place);
      at = valueIn(at, key, this.#document);
    }
    return line;
  }

  #lineAt(node: Node | ParsedNode | null | undefined): number {
    return this.#context.lines.linePos(node?.range?.[0] ?? this.#document.range?.[0] ?? 0).line;
  }

  #failure(line: number, what: string, why: string): Failure {
    const [reason = ''] = why.split('\n');
    const {file, isTemplate} = this.#context;
    const sentence = `${file}, line ${line}: ${what} (${reason.replace(/:$/, '')})`;
    const next = isTemplate ? 'render the template first, as by helm template' : 'correct it';
    return new Failure('InvalidFile', sentence, next);
  }
}

/** Instructions for kustomize are no objects. */
const isKustomization = (content: unknown) => {
  const {apiVersion, kind} = content as {apiVersion?: unknown; kind?: unknown};
  const isGroups = typeof apiVersion === 'string' && apiVersion.startsWith('kustomize.config.k8s.io/');
  return isGroups || (kind === 'Kustomization' && apiVersion === undefined);
};

function isOthers(content: unknown): boolean {
  const {apiVersion, kind} = content as {apiVersion?: unknown; kind?: unknown};
  return apiVersion === undefined || kind === undefined;
}

/** The API server makes the name of some objects. */
function named(item: unknown): unknown {
  const {metadata} = (item ?? {}) as {metadata?: {name?: unknown; generateName?: unknown} | null};
  if (typeof metadata?.generateName !== 'string' || metadata.name !== undefined) return item;
  return {...(item as object), metadata: {...metadata, name: `${metadata.generateName}*`}};
}

/** What stands behind an alias. */
const resolved = (node: Node | null | undefined, document: Document): Node | null | undefined =>
  isAlias(node) ? node.resolve(document) : node;

const pairIn = (node: Node | null | undefined, key: string | number) =>
  isMap(node) ? node.items.find(({key: each}) => isScalar(each) && each.value === key) : undefined;

/** Where the field begins: at its key, or at the entry of a list. */
function placeIn(of: Node | null | undefined, key: string | number, document: Document): Node | undefined {
  const node = resolved(of, document);
  const found = isSeq(node) ? node.items[Number(key)] : pairIn(node, key)?.key;
  return (found ?? undefined) as Node | undefined;
}

function valueIn(of: Node | null | undefined, key: string | number, document: Document): Node | undefined {
  const node = resolved(of, document);
  const found = isSeq(node) ? node.items[Number(key)] : pairIn(node, key)?.value;
  return (found ?? undefined) as Node | undefined;
}

function commentsIn(node: Node | null): string[] {
  const found: string[] = [];
  if (node)
    visit(node, {
      Node: (_, {commentBefore, comment}) => {
        found.push(...[commentBefore, comment].flatMap(each => each ?? []));
      },
    });
  return found;
}
