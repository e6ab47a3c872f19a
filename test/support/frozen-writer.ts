/** Writes a large object, and freezes before the answer has come; prints when it is frozen. */
import {setTimeout as delay} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import {ApiClient, MERGE_PATCH} from '../../src/runtime/client.ts';

const config = new KubeConfig();
config.loadFromDefault();
const client = new ApiClient(config, 'frozen-writer');
await client.request('GET', '/version');
const path = '/apis/leasepolicy.dev/v1alpha1/namespaces/shop/leaseregistries/leases';
const written = client.send('PATCH', path, {body: {spec: {allowed: 'new'}}, contentType: MERGE_PATCH});
// As long as it takes to be sent; the server takes longer for its answer.
await delay(30);
process.stdout.write('{"event":"frozen"}\n');
process.kill(process.pid, 'SIGSTOP');
await written;
client.close();
