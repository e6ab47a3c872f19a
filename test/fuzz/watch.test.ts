/** Watch streams: whatever a server sends, the loop goes on, and ends with what the server has. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type {KubeObject} from '../../src/api/objects.ts';
import type {ApiError} from '../../src/errors.ts';
import {splitLines} from '../../src/runtime/client.ts';
import {Informer, keyOf} from '../../src/runtime/informer.ts';
import {type Row, Store} from '../../src/runtime/store.ts';
import {anyJson, anyJsonText, damaged} from './arbitraries.ts';
import {ModelServer, type Turn, type Write} from './model-server.ts';
import './no-waits.ts';
import {forAllInTime} from './property.ts';

const anyWrite: fc.Arbitrary<Write> = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'constructor'),
  isDeleted: fc.boolean(),
});
const anyWrites = fc.array(anyWrite, {maxLength: 3});

const EVENT = {type: 'ADDED', object: {metadata: {name: 'broken', namespace: 'shop', resourceVersion: '4'}}};

/** Lines that are no event, and some that nearly are. */
const anyLine = fc.oneof(
  anyJsonText,
  damaged(fc.constant(EVENT))
    .filter(
      event => !isWhole((event as {object?: unknown})?.object) || !isKnown((event as {type?: unknown}).type),
    )
    .map(event => JSON.stringify(event) ?? ''),
  fc.constantFrom('{"type":"ERROR"}', '{"type":"BOOKMARK","object":{}}', JSON.stringify(EVENT).slice(0, 40)),
  fc.constantFrom('RENAMED', '', '__proto__', 5, null).map(type => JSON.stringify({...EVENT, type})),
);
const isKnown = (type: unknown) =>
  ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].includes(type as string);

/** Whether it is an object that a server may have. */
function isWhole(object: unknown): boolean {
  const {name, namespace = 'x', resourceVersion} = ((object ?? {}) as Partial<KubeObject>).metadata ?? {};
  const areTexts = [name, namespace].every(each => typeof each === 'string' && each !== '');
  return areTexts && typeof resourceVersion === 'string' && /^\d+$/.test(resourceVersion);
}

function isList(answer: unknown): boolean {
  const {metadata, items} = (answer ?? {}) as {metadata?: {resourceVersion?: unknown}; items?: unknown};
  const version = metadata?.resourceVersion;
  const areWhole = items === null || (Array.isArray(items) && items.every(isWhole));
  return typeof version === 'string' && /^\d+$/.test(version) && areWhole;
}

const anyTurn: fc.Arbitrary<Turn> = fc.record({
  before: anyWrites,
  during: anyWrites,
  isCompacted: fc.oneof({weight: 4, arbitrary: fc.constant(false)}, fc.boolean()),
  list: fc.constantFrom('whole', 'whole', 'refused', 'expired', 'broken', 'with a broken item'),
  events: fc.nat({max: 5}),
  end: fc.constantFrom('ended', 'cut', 'failed', 'gone', 'broken', 'bookmarked'),
  isRepeated: fc.boolean(),
  line: anyLine,
  answer: anyJson.filter(answer => !isWhole(answer) && !isList(answer)),
});

/** A projection that can't read everything, as none can. */
const project = (object: KubeObject): Row => {
  if ((object as {spec?: unknown}).spec !== undefined) throw new TypeError('it is not as it should be');
  return {key: keyOf(object), resourceVersion: object.metadata.resourceVersion};
};

/** An informer and its store, with what has been told of it. */
function informed(server: ModelServer, signal: AbortSignal) {
  const told = {problems: [] as (ApiError | undefined)[], keys: new Map<string, string>()};
  const store = new Store<Row>(({type, row}) => {
    if (type === 'deleted') told.keys.delete(row.key);
    else told.keys.set(row.key, row.resourceVersion);
  });
  const onProblem = (error: ApiError | undefined) => void told.problems.push(error);
  const informer = new Informer({
    client: server.client(),
    path: '/apis/a/v1/b',
    store,
    project,
    signal,
    onProblem,
  });
  return {store, told, running: informer.run()};
}

const contentsOf = (store: Store<Row>) =>
  [...store.values()].map(row => `${row.key.replace('shop/', '')}@${row.resourceVersion}`).sort();

forAllInTime(
  'whatever a server sends in whatever order, the store ends with what the server has',
  [anyWrites, fc.array(anyTurn, {maxLength: 8})],
  async (first, turns) => {
    const server = new ModelServer(turns);
    for (const each of first) server.write(each);
    const end = new AbortController();
    const {store, told, running} = informed(server, end.signal);
    await Promise.race([server.caughtUp, running]);
    end.abort();
    await running;
    assert.deepEqual(contentsOf(store), server.contents);
    // Who was told of each change knows the same.
    assert.deepEqual(
      [...told.keys].map(([key, version]) => `${key.replace('shop/', '')}@${version}`).sort(),
      server.contents,
    );
    assert.equal(told.problems.at(-1), undefined, 'it works again, and that is told');
  },
);

forAllInTime(
  'what we write ourselves between the events is kept, and overtaken by what others write after it',
  [fc.array(anyTurn, {maxLength: 5}), fc.array(anyWrite, {minLength: 1, maxLength: 4})],
  async (turns, ours) => {
    const server = new ModelServer(turns);
    const end = new AbortController();
    const {store, running} = informed(server, end.signal);
    for (const each of ours) {
      await new Promise(resolve => setImmediate(resolve));
      const written = server.write({...each, isDeleted: false});
      if (written && store.ready) store.putWritten(project(written));
    }
    await Promise.race([server.caughtUp, running]);
    end.abort();
    await running;
    assert.deepEqual(contentsOf(store), server.contents);
  },
);

// Lines

const anyChunks = fc
  .array(fc.oneof(anyJsonText, fc.constantFrom('', '😀', '\r', 'a'.repeat(300))), {maxLength: 6})
  .map(lines => lines.map(line => line.replaceAll('\n', ' ').toWellFormed()))
  .chain(lines => {
    const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''));
    return fc.record({
      lines: fc.constant(lines),
      rest: fc.constantFrom('', '{"type":'),
      cuts: fc.array(fc.nat({max: Math.max(0, bytes.length)}), {maxLength: 6}),
    });
  });

forAllInTime(
  'lines come out as they were sent, wherever the chunks end',
  [anyChunks],
  async ({lines, rest, cuts}) => {
    const bytes = Buffer.from(lines.map(line => `${line}\n`).join('') + rest);
    const ends = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b);
    async function* chunks() {
      let start = 0;
      for (const end of ends) {
        yield bytes.subarray(start, end);
        start = end;
      }
    }
    const read: string[] = [];
    for await (const line of splitLines(chunks())) read.push(line);
    assert.deepEqual(read, lines);
  },
);
