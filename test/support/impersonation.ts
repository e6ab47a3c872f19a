/** Requests of any user: the administrator of a stage asks in his name, and the API server admits them as his. */
import {Agent, request} from 'node:https';
import type {ExecutionContext} from 'ava';
import type {Stage} from './stage.ts';

/** As the API server knows a user. */
export type UserInfo = {
  readonly username: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
};

export type Reply = {
  readonly code: number;
  readonly body: {readonly message?: string; readonly metadata?: {readonly resourceVersion?: string}};
  readonly warnings: readonly string[];
};

export type Ask = (method: string, path: string, body?: object, user?: UserInfo) => Promise<Reply>;

/** Without a user the administrator asks for himself. */
export async function impersonating(t: ExecutionContext, stage: Stage): Promise<Ask> {
  const view = await stage.kubectl(['config', 'view', '--raw', '--flatten', '--minify', '--output=json']);
  const {clusters, users} = JSON.parse(view);
  const pem = (text: string) => Buffer.from(text, 'base64');
  const agent = new Agent({
    keepAlive: true,
    ca: pem(clusters[0].cluster['certificate-authority-data']),
    cert: pem(users[0].user['client-certificate-data']),
    key: pem(users[0].user['client-key-data']),
  });
  t.teardown(() => agent.destroy());
  const {server} = clusters[0].cluster as {server: string};
  return (method, path, body, user) =>
    send(new URL(path, server), {agent, method, headers: headersOf(method, user)}, body);
}

/** A key of extra may have a slash, which is no character of a header's name. */
const headersOf = (method: string, user: UserInfo | undefined): Record<string, string | string[]> => ({
  'Content-Type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
  ...(user
    ? {
        'Impersonate-User': user.username,
        'Impersonate-Group': [...user.groups],
        ...Object.fromEntries(
          Object.entries(user.extra ?? {}).map(([key, values]) => [
            `Impersonate-Extra-${encodeURIComponent(key)}`,
            [...values],
          ]),
        ),
      }
    : {}),
});

function send(url: URL, options: object, body: object | undefined): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asking = request(url, options, async answer => {
      let text = '';
      for await (const chunk of answer.setEncoding('utf8')) text += chunk;
      const warnings = warningsIn(Buffer.from(answer.headers.warning ?? '', 'latin1').toString());
      resolve({code: answer.statusCode ?? 0, body: JSON.parse(text), warnings});
    });
    asking.once('error', reject);
    asking.end(body && JSON.stringify(body));
  });
}

/** Such as 299 - "text", 299 - "another": of a quoted text alone what stands between the quotes counts. */
const warningsIn = (header: string): string[] =>
  [...header.matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(([, text = '']) => text.replace(/\\(.)/g, '$1'));
