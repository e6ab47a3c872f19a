/** Every finding and every reason of a condition has its section on what to do, and no section is about another one. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {FINDING_REASONS} from '../../src/core/lease/finding.ts';
import {CONDITION_REASONS} from '../../src/core/plan/condition.ts';

const page = readFileSync(path.join(ROOT, 'docs/findings.md'), 'utf8');

/** The headings of the third level below one of the second, with the text of each. */
function sections(of: string): Map<string, string> {
  const [, below = ''] = page.split(`\n## ${of}\n`);
  const [part = ''] = below.split('\n## ');
  const each = part.split('\n### ').slice(1);
  return new Map(each.map(text => [text.split('\n')[0] ?? '', text.slice(text.indexOf('\n'))]));
}

test('each finding has a section, and each section is about a finding', t => {
  t.deepEqual([...sections('Findings').keys()].toSorted(), FINDING_REASONS.toSorted());
});

test('each finding says what to look at', t => {
  for (const [reason, text] of sections('Findings')) t.regex(text, /```sh\n/, reason);
});

test('the list at the top leads to each finding', t => {
  const [head = ''] = page.split('\n## Findings\n');
  const listed = [...head.matchAll(/\[(\w+)\]\(#(\w+)\)/g)];
  t.deepEqual(listed.map(([, reason]) => reason).toSorted(), FINDING_REASONS.toSorted());
  for (const [, reason = '', anchor] of listed) t.is(anchor, reason.toLowerCase());
});

for (const [type, reasons] of Object.entries(CONDITION_REASONS)) {
  test(`each reason of ${type} has a section that tells its status, and each section is about a reason`, t => {
    const found = sections(`The condition ${type}`);
    t.deepEqual(
      [...found.keys()],
      reasons.map(reason => `${type}: ${reason}`),
    );
    for (const [heading, text] of found) t.regex(text, /^\n+`(True|False|Unknown)`\. /, heading);
  });
}
