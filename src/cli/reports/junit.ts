/** Writes results as JUnit's XML, which CI systems read. */
import {escaped} from '../../core/legible.ts';

export type JunitCase = {
  readonly name: string;
  /** Why it has failed. */
  readonly failure?: string;
  /** Why it could not be judged. */
  readonly error?: string;
  /** Why it was not looked at. */
  readonly skipped?: string;
  /** What else is to be said. */
  readonly output?: string;
};

export type JunitSuite = {readonly name: string; readonly cases: readonly JunitCase[]};

export function junitText(name: string, suites: readonly JunitSuite[]): string {
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({name, ...sums(suites.flatMap(({cases}) => cases))})}>`,
    ...suites.flatMap(suiteLines),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

function sums(cases: readonly JunitCase[]) {
  const number = (has: (each: JunitCase) => unknown) => cases.filter(each => has(each) !== undefined).length;
  return {
    tests: cases.length,
    failures: number(({failure}) => failure),
    errors: number(({error}) => error),
    skipped: number(({skipped}) => skipped),
  };
}

const suiteLines = ({name, cases}: JunitSuite): string[] => [
  `  <testsuite ${attributes({name, ...sums(cases)})}>`,
  ...cases.flatMap(each => caseLines(each, name)),
  '  </testsuite>',
];

function caseLines({name, failure, error, skipped, output}: JunitCase, classname: string): string[] {
  const inner = [
    ...(failure === undefined ? [] : [element('failure', failure)]),
    ...(error === undefined ? [] : [element('error', error)]),
    ...(skipped === undefined ? [] : [`<skipped ${attributes({message: skipped})}/>`]),
    ...(output === undefined ? [] : [`<system-out>${text(output)}</system-out>`]),
  ];
  const start = `    <testcase ${attributes({name, classname})}`;
  return inner.length === 0
    ? [`${start}/>`]
    : [`${start}>`, ...inner.map(each => `      ${each}`), '    </testcase>'];
}

/** The first line is the message, and all of it the text. */
const element = (name: string, said: string) =>
  `<${name} ${attributes({message: said.split('\n')[0] ?? ''})}>${text(said)}</${name}>`;

const attributes = (values: Readonly<Record<string, string | number>>) =>
  Object.entries(values)
    .map(
      ([key, value]) => `${key}="${text(String(value)).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')}"`,
    )
    .join(' ');

/** XML can't hold most of what is not to be seen, whoever wrote it into a manifest. */
const text = (value: string) =>
  value
    .split('\n')
    .map(escaped)
    .join('\n')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
