/** The ClusterRole of the installation, with which everything that is enforced goes. */
import type {KubeObject} from '../api/objects.ts';
import type {Owner, RenderedView} from '../core/admission/rendered.ts';
import {keyOf} from '../runtime/informer.ts';
import {type Row, Store} from '../runtime/store.ts';
import type {WatchRequest} from './watch-request.ts';

export type InstallationRow = Row & {readonly uid: string; readonly terminating: boolean};

const KIND = {group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles'} as const;

export class Installation {
  readonly store: Store<InstallationRow>;
  /** Empty for an operator that runs without an installation, such as one on a desk. */
  readonly name: string;
  #supposedUid: string | undefined;

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
    const uid = this.#row?.uid ?? this.#supposedUid;
    const apiVersion = `${KIND.group}/${KIND.version}`;
    return uid === undefined ? undefined : {apiVersion, kind: 'ClusterRole', name: this.name, uid};
  }

  /** For who only looks, and may read no ClusterRole: the owner that bindings have, if it is not their policy. */
  suppose(bindings: Iterable<RenderedView>, uidOf: (policy: string) => string | undefined): void {
    for (const {policy = '', ownerUids} of bindings) {
      const ofPolicy = uidOf(policy);
      const [other] = ofPolicy === undefined ? [] : ownerUids.filter(uid => uid !== ofPolicy);
      this.#supposedUid ??= other;
    }
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
