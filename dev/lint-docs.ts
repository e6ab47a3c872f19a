/** Writes the rules of the linter into docs/check.md, where a test looks for them. */
import {readFileSync, writeFileSync} from 'node:fs';
import {LINT_RULES} from '../src/core/lint/lint.ts';
import type {LintRule} from '../src/core/lint/rule.ts';

export const CHECK_DOCS = new URL('../docs/check.md', import.meta.url);

const BEGIN = '<!-- The rest is written by make lint-docs, from src/core/lint. -->\n';

/** The page with the rules as they are. */
export function withRules(page: string): string {
  const [head = ''] = page.split(BEGIN);
  const rows = LINT_RULES.map(
    ({id, severity, title}) => `| [${id}](#${id.toLowerCase()}) | ${severity} | ${title} |`,
  );
  const table = ['| rule | severity | |', '|---|---|---|', ...rows].join('\n');
  return `${head}${BEGIN}\n${table}\n\n${LINT_RULES.map(section).join('\n')}`;
}

const section = ({id, severity, title, why, bad, good}: LintRule) => `### ${id}

**${title}** (${severity}).

${why}

Told of:

\`\`\`yaml
${bad.trimEnd()}
\`\`\`

Right:

\`\`\`yaml
${good.trimEnd()}
\`\`\`
`;

if (import.meta.main) writeFileSync(CHECK_DOCS, withRules(readFileSync(CHECK_DOCS, 'utf8')));
