/** The log: one line for each message, whatever the names of objects contain. */
import {Writable} from 'node:stream';
import test from 'ava';
import winston from 'winston';
import {createLogger} from '../../src/telemetry/log.ts';

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

/** What a name would contain to forge a line, to colour a terminal or to move its cursor. */
const HOSTILE = [
  'api\n{"level":"error","message":"forged"}',
  'api\r12:00:00.000 ERROR forged',
  'api\u001b[2K\u001b[1A\u001b[31mforged',
  'api\u009b31mforged',
  'api\u0000\u0007\u007f',
  'api\u0085forged',
  'api" level="error',
];

/** The characters that end a line or steer a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is them that must not be there
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

for (const name of HOSTILE) {
  const shown = JSON.stringify(name);

  test(`text: ${shown} in a message or a field stays within its line`, t => {
    const {log, output} = logged('info', 'text');
    log.info(`can't watch ${name}`, {lease: name, list: [name], nested: {[name]: name}});
    const lines = output().split('\n');
    t.is(lines.length, 2);
    t.is(lines[1], '');
    t.notRegex(lines[0] ?? '', CONTROL);
    t.regex(lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} INFO {2}can't watch api/);
  });

  test(`json: ${shown} in a message or a field stays within its line and comes back whole`, t => {
    const {log, output} = logged('info', 'json');
    log.info(`can't watch ${name}`, {lease: name});
    const lines = output().split('\n');
    t.is(lines.length, 2);
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
