/** The ClusterRole of the installation, with which everything that is enforced goes. */
import type {KubeObject} from '../api/objects.ts';
import type {Owner} from '../core/rendered.ts';
import {keyOf} from '../runtime/informer.ts';
import {type Row, Store} from '../runtime/store.ts';
import type {WatchRequest} from './watch-request.ts';

export type InstallationRow = Row & {readonly uid: string; readonly terminating: boolean};

const KIND = {group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles'} as const;

export class Installation {
  readonly store: Store<InstallationRow>;
  /** Empty for an operator that runs without an installation, such as one on a desk. */
  readonly name: string;

  constructor(name: string, onChange: () => void) {
    this.name = name;
    this.store = new Store(onChange);
  }

  get isKnown(): boolean {
    return this.name === '' || this.store.ready;
  }

  /** Whether somebody has begun to take it away: nothing may be enforced any more. */
  get isGone(): boolean {
    return this.name !== '' && this.#row === undefined;
  }

  get owner(): Owner | undefined {
    const apiVersion = `${KIND.group}/${KIND.version}`;
    return this.#row && {apiVersion, kind: 'ClusterRole', name: this.name, uid: this.#row.uid};
  }

  /** What has to be watched, if anything: this one by its name, as the operator may read no other. */
  get request(): WatchRequest<InstallationRow> | undefined {
    if (this.name === '') return undefined;
    const fieldSelector = `metadata.name=${this.name}`;
    return {...KIND, store: this.store, project, fieldSelector, metadataOnly: true};
  }

  get #row(): InstallationRow | undefined {
    const row = this.store.get(this.name);
    return row?.terminating ? undefined : row;
  }
}

function project(object: KubeObject): InstallationRow {
  const {uid, resourceVersion, deletionTimestamp} = object.metadata;
  return {key: keyOf(object), resourceVersion, uid, terminating: deletionTimestamp !== undefined};
}
