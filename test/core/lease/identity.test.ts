/** The names of API servers, against values that a shell has computed. */
import test from 'ava';
import fc from 'fast-check';
import {
  apiServerIdentity,
  IDENTITY_FORMS,
  type IdentityForm,
  identityForm,
} from '../../../src/core/lease/identity.ts';
import {lease} from '../../support/builders.ts';

/**
 * h=vm; { printf "\x00\x$(printf %02x ${#h})%s\x00\x0ekube-apiserver" "$h"; } | sha256sum | cut -c1-32 |
 *   tr a-f A-F | basenc --base16 -d | base32 -w0 | tr -d = | tr A-Z a-z
 */
const GOLDEN = [
  ['vm', 'apiserver-wlv32tlttr4jl3gtroqexyxapa'],
  ['node-1.example.com', 'apiserver-iwnuvvk6ostz3iw72j5q3rbs5i'],
  ['k8s-cp-0', 'apiserver-r2edpgahmfpwpgru6kzevqbuzi'],
  ['', 'apiserver-2ikcnb3wory4bpirwz777r2iv4'],
  ['a'.repeat(300), 'apiserver-rix6amx645bwoefpx2sdsx4cfi'],
] as const;

for (const [hostname, identity] of GOLDEN) {
  test(`the API server on ${hostname.length > 60 ? `a host name of ${hostname.length}` : `"${hostname}"`} is ${identity}`, t => {
    t.is(apiServerIdentity(hostname), identity);
  });
}

const FORMS: [name: string, form: IdentityForm][] = [
  ['apiserver-wlv32tlttr4jl3gtroqexyxapa', 'hash'],
  ['kube-apiserver-c4vwjftbvpc5os2vvzle4qg27a', 'hostname-hash'],
  ['kube-apiserver-8a3b2c1d-0f0a-4a1b-9a1c-2b3c4d5e6f70', 'uuid'],
  ['apiserver-07a5ea9b9b072c4a5f3d1c3702', 'other'],
  ['apiserver-wlv32tlttr4jl3gtroqexyxap', 'other'],
  ['apiserver-wlv32tlttr4jl3gtroqexyxapaa', 'other'],
  ['kube-apiserver', 'other'],
  ['kube-scheduler', 'other'],
];

for (const [name, form] of FORMS) {
  test(`an identity called ${name} has the form ${form}`, t => {
    t.is(identityForm(lease().named(name)), form);
    const labels = {'apiserver.kubernetes.io/identity': 'kube-apiserver'};
    t.is(identityForm(lease().named(name).with({labels})), form);
  });
}

test('every form has a name in the table', t => {
  t.deepEqual([...new Set(FORMS.map(([, form]) => form))].sort(), [...IDENTITY_FORMS].sort());
});

test('the hash of another kind of API server is not ours to compute', t => {
  const labels = {'apiserver.kubernetes.io/identity': 'wardle-server'};
  t.is(identityForm(lease().named('apiserver-wlv32tlttr4jl3gtroqexyxapa').with({labels})), 'other');
});

test('every host has an identity of the form that is checked', t => {
  const property = fc.property(fc.string({unit: 'grapheme', maxLength: 300}), hostname => {
    return identityForm(lease().named(apiServerIdentity(hostname))) === 'hash';
  });
  t.notThrows(() => fc.assert(property));
});

test('the length keeps hosts apart whose texts run together', t => {
  t.not(apiServerIdentity('vm'), apiServerIdentity('vm\u0000\u000ekube-apiserver'));
});
