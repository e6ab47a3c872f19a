/** Versions of API servers as they and their providers write them. */
import test from 'ava';
import {isAtLeast, parseVersion} from '../../src/core/server-version.ts';

for (const [given, expected] of [
  [{major: '1', minor: '36', gitVersion: 'v1.36.3'}, [1, 36]],
  [{major: '1', minor: '30+', gitVersion: 'v1.30.2-eks-1a2b'}, [1, 30]],
  [{major: '', minor: '', gitVersion: 'v1.29.0'}, [1, 29]],
  [{}, [0, 0]],
] as const) {
  test(`the version ${JSON.stringify(given)}`, t => {
    const {major, minor} = parseVersion(given);
    t.deepEqual([major, minor], [...expected]);
  });
}

test('newer is at least as new', t => {
  const version = parseVersion({major: '1', minor: '30'});
  t.true(isAtLeast(version, 1, 30));
  t.false(isAtLeast(version, 1, 31));
  t.true(isAtLeast(parseVersion({major: '2', minor: '0'}), 1, 36));
});
