/** How Leases are shown in tables and documents. */
import {durationText} from '../../core/duration-text.ts';
import type {Lifetime} from '../../core/lease/lifetime.ts';
import {legible} from '../../core/legible.ts';
import type {LeaseFacts} from '../../rehearsal/lease-facts.ts';
import type {Column, Style} from './output.ts';

export const STATE_STYLES: Readonly<Record<Lifetime, Style>> = {
  held: 'green',
  unclaimed: 'dim',
  released: 'dim',
  expired: 'yellow',
  orphaned: 'yellow',
  unknown: 'dim',
};

export const leaseColumns = (withNamespace: boolean): readonly Column<LeaseFacts>[] => [
  ...(withNamespace ? [{title: 'Namespace', text: ({namespace}: LeaseFacts) => namespace}] : []),
  {title: 'Name', text: ({name}) => name},
  {title: 'Class', text: facts => facts.class},
  {title: 'State', text: ({state}) => state, style: ({state}) => STATE_STYLES[state]},
  {title: 'Subject', text: ({subject}) => subject ?? ''},
  {title: 'Holder', text: holderText},
  {title: 'Renewed', text: renewedText},
  {title: 'Duration', text: ({durationSeconds}) => secondsText(durationSeconds), wide: true},
  {title: 'Transitions', text: ({transitions}) => `${transitions}`, wide: true},
  {title: 'Identity', text: ({holder}) => holder, wide: true},
  {title: 'Policy', text: ({policies}) => policies.join(','), wide: true},
  {title: 'Evidence', text: ({evidence}) => evidence, wide: true},
  {title: 'Findings', text: findingsText, style: ({findings}) => (findings.length > 0 ? 'red' : undefined)},
];

/** A holder of which nobody knows the workload is told by itself, as far as there is room. */
const HOLDER_MOST = 32;
export const holderText = ({holder, holderWorkload}: LeaseFacts) =>
  holderWorkload ?? legible(holder, HOLDER_MOST);

export const findingsText = ({findings}: LeaseFacts) =>
  [...new Set(findings.map(({reason}) => reason))].join(',');

export const renewedText = ({renewedSecondsAgo}: LeaseFacts) =>
  renewedSecondsAgo === null ? '' : durationText(renewedSecondsAgo);

export const secondsText = (seconds: number | null) => (seconds === null ? '' : `${seconds}s`);

export const leaseName = ({name}: LeaseFacts) => `lease.coordination.k8s.io/${name}`;

export const byPlace = (a: LeaseFacts, b: LeaseFacts) =>
  a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);
