/** The store: what the caches say after lists, watch events and writes of our own, in every order. */
import test from 'ava';
import {type Change, isNewer, type Row, Store} from '../../src/runtime/store.ts';

type Note = Row & {text?: string};

const row = (key: string, resourceVersion: string, text?: string): Note => ({
  key,
  resourceVersion,
  ...(text === undefined ? {} : {text}),
});
const list = (...rows: Note[]) => new Map(rows.map(each => [each.key, each]));

function observed(): {store: Store<Note>; changes: string[]; contents: () => string[]} {
  const changes: string[] = [];
  const note = (change: Change<Note>) =>
    changes.push(`${change.type} ${change.row.key}@${change.row.resourceVersion}`);
  const store = new Store<Note>(note);
  return {
    store,
    changes,
    contents: () => [...store.values()].map(each => `${each.key}@${each.resourceVersion}`).sort(),
  };
}

for (const [a, b, expected] of [
  ['2', '1', true],
  ['1', '2', false],
  ['7', '7', false],
  ['10', '9', true],
  ['9', '10', false],
  ['1000', '999', true],
  ['9007199254740993', '9007199254740992', true],
  ['1', '0', true],
] as const) {
  test(`version ${a} is ${expected ? '' : 'not '}newer than ${b}`, t => t.is(isNewer(a, b), expected));
}

test('a store is ready with its first list, not before', t => {
  const {store} = observed();
  t.false(store.ready);
  store.put(row('a', '1'));
  t.false(store.ready);
  store.replace(list(), '5');
  t.true(store.ready);
});

test('an event is told with what was there before', t => {
  const seen: Change<Note>[] = [];
  const store = new Store<Note>(change => seen.push(change));
  const first = row('a', '1');
  const second = row('a', '2');
  store.put(first);
  store.put(second);
  store.delete('a', '3');
  t.deepEqual(seen, [
    {type: 'added', row: first, previous: undefined},
    {type: 'modified', row: second, previous: first},
    {type: 'deleted', row: second},
  ]);
  t.is(store.size, 0);
});

test('an event that is seen again, or is older, changes nothing', t => {
  const {store, changes} = observed();
  store.put(row('a', '10'));
  store.put(row('a', '10'));
  store.put(row('a', '9'));
  t.deepEqual(changes, ['added a@10']);
});

test('a deletion of what is not there is not told', t => {
  const {store, changes} = observed();
  store.delete('a', '3');
  t.deepEqual(changes, []);
});

test('what vanished is told as deleted after a relist, what is unchanged is not told', t => {
  const {store, changes, contents} = observed();
  store.replace(list(row('gone', '1'), row('same', '2'), row('other', '3')), '5');
  changes.length = 0;
  store.replace(list(row('same', '2'), row('other', '8'), row('new', '9')), '10');
  t.deepEqual(changes, ['deleted gone@1', 'modified other@8', 'added new@9']);
  t.deepEqual(contents(), ['new@9', 'other@8', 'same@2']);
});

/** A store whose listener throws as long as it is told to, and what it was told. */
function faulty() {
  const told: Change<Note>[] = [];
  const fault = {throws: true};
  const store = new Store<Note>(change => {
    told.push(change);
    if (fault.throws) throw new TypeError('a fault');
  });
  return {store, told, fault};
}
const [first, second] = [row('a', '1'), row('a', '2')];

test('a change whose listener threw is told again by the next list, with what was there before', t => {
  const {store, told, fault} = faulty();
  fault.throws = false;
  store.put(first);
  fault.throws = true;
  t.throws(() => store.put(second), {instanceOf: TypeError});
  fault.throws = false;
  told.length = 0;
  store.replace(list(second), '5');
  store.replace(list(second), '6');
  t.deepEqual(told, [{type: 'modified', row: second, previous: first}]);
});

test('so are what came and what went, and what came back', t => {
  const {store, told, fault} = faulty();
  const [b, again] = [row('b', '2'), row('c', '9')];
  t.throws(() => store.put(first));
  fault.throws = false;
  store.put(b);
  store.put(row('c', '3'));
  fault.throws = true;
  t.throws(() => store.delete('b', '4'));
  t.throws(() => store.delete('c', '5'));
  fault.throws = false;
  told.length = 0;
  store.replace(list(first, again), '10');
  t.deepEqual(told, [
    {type: 'deleted', row: b},
    {type: 'added', row: first, previous: undefined},
    {type: 'modified', row: again, previous: row('c', '3')},
  ]);
});

test('what a listener missed at the answer to a write of ours it is told when the watch comes to it, and no older event', t => {
  const {store, told, fault} = faulty();
  t.throws(() => store.putWritten(second));
  fault.throws = false;
  told.length = 0;
  store.put(first);
  t.deepEqual(told, []);
  store.put(second);
  store.put(second);
  t.deepEqual(told, [{type: 'added', row: second, previous: undefined}]);
});

test('a listener that throws again keeps the others from being told no longer', t => {
  const {store, told} = faulty();
  t.throws(() => store.put(first));
  t.throws(() => store.replace(list(first), '5'));
  t.is(told.length, 2);
  t.notThrows(() => store.replace(list(first), '6'));
  t.is(told.length, 2);
  t.true(store.ready);
});

test('what we wrote is there before the watch delivers it, and is not told twice', t => {
  const {store, changes} = observed();
  store.replace(list(row('a', '1')), '5');
  changes.length = 0;
  store.putWritten(row('a', '6', 'ours'));
  t.is(store.get('a')?.text, 'ours');
  store.put(row('a', '6', 'ours'));
  t.deepEqual(changes, ['modified a@6']);
});

test('what we wrote does not replace what the watch has delivered since', t => {
  const {store} = observed();
  store.replace(list(row('a', '1')), '5');
  store.put(row('a', '8', 'theirs'));
  store.putWritten(row('a', '7', 'ours'));
  t.is(store.get('a')?.text, 'theirs');
});

test('what we wrote does not come back when the watch has already delivered its deletion', t => {
  const {store, contents} = observed();
  store.replace(list(row('a', '1')), '5');
  store.delete('a', '8');
  store.putWritten(row('a', '7'));
  t.deepEqual(contents(), []);
});

test('nor when a bookmark says that the watch is past it', t => {
  const {store, contents} = observed();
  store.replace(list(), '5');
  store.bookmark('9');
  store.putWritten(row('a', '9'));
  t.deepEqual(contents(), []);
  store.putWritten(row('a', '10'));
  t.deepEqual(contents(), ['a@10']);
});

test('nor when a list that is newer does not have it', t => {
  const {store, contents} = observed();
  store.replace(list(), '9');
  store.putWritten(row('a', '8'));
  t.deepEqual(contents(), []);
});

test('a list keeps what we wrote after it, and takes what we wrote before it', t => {
  const {store, changes, contents} = observed();
  store.replace(list(), '5');
  store.putWritten(row('late', '12'));
  store.putWritten(row('early', '7'));
  store.putWritten(row('both', '13', 'ours'));
  changes.length = 0;
  store.replace(list(row('both', '4', 'listed')), '10');
  t.deepEqual(contents(), ['both@13', 'late@12']);
  t.deepEqual(changes, ['deleted early@7']);
});

test('a deletion that is older than what we wrote does not remove it: the name was made anew', t => {
  const {store, contents} = observed();
  store.replace(list(row('a', '1')), '5');
  store.putWritten(row('a', '9'));
  store.delete('a', '8');
  t.deepEqual(contents(), ['a@9']);
});

test('versions are compared as numbers: the tenth is newer than the ninth', t => {
  const {store, contents} = observed();
  store.replace(list(row('a', '9')), '9');
  store.put(row('a', '10'));
  store.putWritten(row('b', '11'));
  t.deepEqual(contents(), ['a@10', 'b@11']);
});

test('after a restore of etcd the list is right, though its versions are lower', t => {
  const {store, changes, contents} = observed();
  store.replace(list(row('kept', '900', 'after the backup'), row('gone', '950')), '1000');
  store.putWritten(row('ours', '1001'));
  store.put(row('ours', '1001'));
  changes.length = 0;
  store.replace(list(row('kept', '90', 'as in the backup')), '100');
  t.deepEqual(contents(), ['kept@90']);
  t.deepEqual(changes.sort(), ['deleted gone@950', 'deleted ours@1001', 'modified kept@90']);
});
