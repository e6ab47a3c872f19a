/** The alerts of config/monitoring/rules.yaml, as the tests read them. */
import {readFileSync} from 'node:fs';
import {parse} from 'yaml';
import {RULES} from '../support/promtool.ts';

type Rule = {
  alert?: string;
  record?: string;
  expr: string;
  for?: string;
  keep_firing_for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};

export type Alert = {
  alert: string;
  expr: string;
  forMinutes: number;
  severity: string;
  annotations: Readonly<Record<string, string>>;
};

const {groups} = parse(readFileSync(RULES, 'utf8')) as {groups: {rules: Rule[]}[]};

export const rules: readonly Rule[] = groups.flatMap(group => group.rules);

export const alerts: readonly Alert[] = rules.flatMap(rule => {
  const {alert, expr, labels = {}, annotations = {}} = rule;
  if (alert === undefined) return [];
  const minutes = /^(\d+)m$/.exec(rule.for ?? '')?.[1];
  return [{alert, expr, forMinutes: Number(minutes), severity: labels.severity ?? '', annotations}];
});
