/**
 * Tells whether a value has the form of a spec: for one that the API server has not validated, or by the CRD of another
 * version. By hand, as the schema's library would cost the operator megabytes; a property holds the two together.
 */
import type {LeasePolicySpec} from '../../api/leasepolicy.ts';
import {type Fields, isFields} from '../fields.ts';

type Form = (value: unknown) => boolean;
const text: Form = value => typeof value === 'string';
const flag: Form = value => typeof value === 'boolean';
const whole =
  (min: number, max: number): Form =>
  value =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
const oneOf =
  (...texts: string[]): Form =>
  value =>
    texts.some(each => each === value);
const optional =
  (form: Form): Form =>
  value =>
    value === undefined || form(value);
const listOf =
  (form: Form): Form =>
  value =>
    Array.isArray(value) && value.every(each => form(each));
const mapOf =
  (form: Form): Form =>
  value =>
    isFields(value) && Object.values(value).every(each => form(each));
const fields =
  (forms: Readonly<Record<string, Form>>): Form =>
  value =>
    isFields(value) && Object.entries(forms).every(([name, form]) => form(ownField(value, name)));

const ownField = (value: Fields, name: string) => (Object.hasOwn(value, name) ? value[name] : undefined);

const ACTIONS = ['Audit', 'Warn', 'Deny'];
const failure = oneOf('Fail', 'Ignore');

const selector = fields({
  matchLabels: optional(mapOf(text)),
  matchExpressions: optional(listOf(fields({key: text, operator: text, values: optional(listOf(text))}))),
});

const place = fields({namespace: text, name: text});

const subjects = fields({
  workloads: optional(
    fields({
      kinds: listOf(fields({apiVersion: text, kind: text})),
      namespaceSelector: selector,
      selector,
    }),
  ),
  nodes: optional(fields({selector})),
  apiServers: optional(fields({})),
  components: optional(listOf(place)),
});

const naming = fields({
  prefix: text,
  template: text,
  hash: fields({of: listOf(text), encoding: text, length: whole(6, 64)}),
});

const SECOND_MOST = 2_147_483_647;

const enforcement = fields({
  names: oneOf(...ACTIONS),
  holders: oneOf('Off', ...ACTIONS),
  durationSeconds: fields({
    min: whole(1, SECOND_MOST),
    max: whole(1, SECOND_MOST),
    action: optional(oneOf(...ACTIONS)),
  }),
  failurePolicy: fields({names: failure, durationSeconds: failure, holders: failure}),
  exempt: listOf(fields({namespace: text, name: text, reason: text, until: optional(text)})),
});

const spec = fields({
  subjects,
  naming: optional(naming),
  lease: fields({
    namespace: text,
    create: flag,
    adopt: flag,
    durationSeconds: whole(1, 86_400),
    labels: mapOf(text),
  }),
  access: fields({grant: oneOf('None', 'ServiceAccount')}),
  injection: fields({
    mode: oneOf('None', 'Env'),
    nameEnv: text,
    namespaceEnv: text,
    failurePolicy: failure,
  }),
  enforcement,
  garbageCollection: fields({
    mode: oneOf('Off', 'Report', 'Managed', 'All'),
    ttlSeconds: whole(1, 31_536_000),
    maxPerMinute: whole(1, 100_000),
    maxPercent: whole(1, 100),
  }),
});

/** Total for any value. */
export const isSpec = (value: unknown): value is LeasePolicySpec => spec(value);
