/** What there is in a cluster, for telling what an installation added and what an uninstallation left. */
import type {Cluster} from '../../dev/controlplane/cluster.ts';

/** The names of all objects of all kinds, but those that come and go by themselves. */
export async function everything(cluster: Cluster): Promise<string[]> {
  const resources = lines(
    await cluster.kubectl(['api-resources', '--verbs=list', '--output=name', '--cached=false']),
  );
  const kept = resources.filter(name => !/^(events|leases|componentstatuses)\b/.test(name));
  const names = '{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const query = ['get', kept.join(','), '--all-namespaces', `--output=jsonpath=${names}`];
  return lines(await cluster.kubectl(query));
}

export const lines = (text: string) => text.split('\n').filter(line => line !== '');
