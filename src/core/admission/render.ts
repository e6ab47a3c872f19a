/** Everything that a policy puts into the API server, part by part. */
import type {Rules} from '../naming/rules.ts';
import type {AdmissionContext} from './frame.ts';
import {renderInjection} from './injection.ts';
import {renderNames} from './names.ts';
import type {Rendered} from './rendered.ts';
import {renderWrites} from './writes.ts';

/** What serves one rule; it is in the API server as a whole or not at all. */
export type AdmissionPart = {readonly part: string; readonly objects: readonly Rendered[]};

export function renderAdmission(rules: Rules, context: AdmissionContext): AdmissionPart[] {
  return [
    {part: 'enforcement.names', objects: renderNames(rules, context)},
    ...renderWrites(rules, context),
    {part: 'injection', objects: renderInjection(rules, context)},
  ];
}
