/** Everything that a policy puts into the API server, part by part. */
import type {Rendered} from '../rendered.ts';
import type {Rules} from '../rules.ts';
import {renderDurations} from './durations.ts';
import type {AdmissionContext} from './frame.ts';
import {renderHolders} from './holders.ts';
import {renderInjection} from './injection.ts';
import {renderNames} from './names.ts';

/** What serves one rule; it is in the API server as a whole or not at all. */
export type AdmissionPart = {readonly part: string; readonly objects: readonly Rendered[]};

export function renderAdmission(rules: Rules, context: AdmissionContext): AdmissionPart[] {
  return [
    {part: 'enforcement.names', objects: renderNames(rules, context)},
    {part: 'enforcement.durationSeconds', objects: renderDurations(rules, context)},
    {part: 'enforcement.holders', objects: renderHolders(rules, context)},
    {part: 'injection', objects: renderInjection(rules, context)},
  ];
}
