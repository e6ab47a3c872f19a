/** What an operator says at /metrics. */
import type {Program} from '../../dev/programs.ts';

export async function metricsOf(operator: Program): Promise<string> {
  const {httpPort} = operator.lines.find(line => line.message === 'started') ?? {};
  return (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
}

/** The value of a series, such as `leasepolicy_lists_total{resource="leases"}`; 0 when there is none yet. */
export async function metric(operator: Program, series: string): Promise<number> {
  const line = (await metricsOf(operator)).split('\n').find(each => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}
