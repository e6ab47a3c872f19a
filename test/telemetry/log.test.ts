/** The log: one line for each message, whatever the names of objects contain. */
import {Writable} from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import winston from 'winston';
import {escaped} from '../../src/core/legible.ts';
import {createLogger} from '../../src/telemetry/log.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';

/** A logger whose output is kept instead of printed. */
function logged(level: string, format: string) {
  let output = '';
  const stream = new Writable({
    write(chunk, _, done) {
      output += String(chunk);
      done();
    },
  });
  const log = createLogger(level, format);
  log.clear().add(new winston.transports.Stream({stream}));
  return {log, output: () => output};
}

for (const name of HOSTILE) {
  const shown = escaped(JSON.stringify(name));

  test(`text: ${shown} in a message or a field stays within its line`, t => {
    const {log, output} = logged('info', 'text');
    log.info(`can't watch ${name}`, {lease: name, list: [name], nested: {[name]: name}});
    const lines = output().split('\n');
    t.is(lines.length, 2);
    t.is(lines[1], '');
    t.notRegex(lines[0] ?? '', UNSEEN);
    t.regex(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} INFO {2}can't watch api/);
    t.true(lines[0]?.includes(' lease='));
  });

  test(`json: ${shown} in a message or a field stays within its line and comes back whole`, t => {
    const {log, output} = logged('info', 'json');
    log.info(`can't watch ${name}`, {lease: name});
    const lines = output().split('\n');
    t.is(lines.length, 2);
    t.notRegex(lines[0] ?? '', UNSEEN);
    t.like(JSON.parse(lines[0] ?? ''), {level: 'info', message: `can't watch ${name}`, lease: name});
  });
}

test('text: fields are readable, and quoted where they could be misread', t => {
  const {log, output} = logged('info', 'text');
  log.warn('deleting Lease', {
    lease: 'shop/payments-14c2529eb4',
    holder: 'a b',
    empty: '',
    count: 3,
    manifest: {a: 1},
  });
  t.regex(
    output(),
    /^\S+ WARN {2}deleting Lease lease=shop\/payments-14c2529eb4 holder="a b" empty="" count=3 manifest=\{"a":1\}\n$/,
  );
});

test('a field can not take the place of the level', t => {
  const {log, output} = logged('info', 'json');
  log.info('leader seen', {holder: 'x', level: 'error'});
  t.like(JSON.parse(output()), {level: 'info', message: 'leader seen', holder: 'x'});
});

test('lines below the level are not written', t => {
  const {log, output} = logged('warn', 'text');
  log.info('hidden');
  log.debug('hidden');
  log.error('shown');
  t.regex(output(), /^\S+ ERROR shown\n$/);
});

test('auto writes JSON where there is no terminal', t => {
  const {log, output} = logged('info', 'auto');
  log.info('started');
  t.like(JSON.parse(output()), {level: 'info', message: 'started'});
});

const text = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({unit: 'binary'}));
const value = fc.oneof(text, fc.array(text, {maxLength: 3}), fc.dictionary(text, text, {maxKeys: 3}));

for (const format of ['text', 'json']) {
  test(`${format}: whatever is in the message and in the fields, one event is one line without anything unseen`, t => {
    fc.assert(
      fc.property(text, value, (message, manifest) => {
        const {log, output} = logged('info', format);
        log.info(message, {lease: message, manifest});
        const [line = '', rest, ...more] = output().split('\n');
        t.is(rest, '');
        t.deepEqual(more, []);
        t.notRegex(line, UNSEEN);
        if (format === 'json') t.like(JSON.parse(line), {level: 'info', message, lease: message});
        else t.regex(line, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}/);
      }),
    );
    t.pass();
  });
}

test('a manifest comes back whole from its line, to be applied again', t => {
  const manifest = {metadata: {name: 'api'}, spec: {holderIdentity: HOSTILE.join('')}};
  const {log, output} = logged('info', 'json');
  log.info('deleting Lease', {manifest});
  t.deepEqual(JSON.parse(output()).manifest, manifest);
});
