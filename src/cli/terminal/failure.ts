/** What went wrong, as one sentence with the cause and the next step. */
import {legible} from '../../core/legible.ts';
import {ApiError, messageOf, UsageError} from '../../errors.ts';
import {jsonText, type Streams, yamlText} from './output.ts';

/** The exit codes of every command. */
export const EXIT = {
  done: 0,
  /** Also wrong usage, as with kubectl: 2 would be taken for a finding. */
  failed: 1,
  /** Something was found, or would be done. */
  found: 2,
} as const;

/** Words for programs that read the error. */
export const FAILURE_REASONS = [
  'Usage',
  'NoCluster',
  'Unreachable',
  'Unauthorized',
  'Forbidden',
  'NotFound',
  'NotInstalled',
  'InvalidFile',
  'Refused',
  'Unexpected',
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

/** Ends a command. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly reason: FailureReason;
  /** What is to be done next; undefined where the message says it. */
  readonly next: string | undefined;

  constructor(reason: FailureReason, what: string, next: string | undefined, cause?: unknown) {
    super(what, {cause});
    this.reason = reason;
    this.next = next;
  }

  get sentence(): string {
    return this.next === undefined ? this.message : `${this.message}: ${this.next}`;
  }
}

/** What a server or a file has to say may be long, and have lines. */
const SENTENCE_MOST = 4096;

/** Tells the failure on standard error; with -o json or yaml as an object on standard output, which stays valid. */
export async function tell(error: unknown, output: string, program: string, streams: Streams): Promise<void> {
  const {reason, message, next, sentence} = failureOf(error);
  const document = {error: {reason, message, next}};
  if (output === 'json') streams.stdout.write(jsonText(document));
  else if (output === 'yaml') streams.stdout.write(await yamlText(document));
  else streams.stderr.write(failureLine(sentence, program));
  if (reason === 'Unexpected' && error instanceof Error) streams.stderr.write(`${error.stack}\n`);
}

export const failureLine = (sentence: string, program: string) =>
  `${program}: ${legible(sentence, SENTENCE_MOST)}\n`;

export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  if (error instanceof ApiError) return ofAnswer(error);
  if (error instanceof UsageError) return new Failure('Usage', error.message, undefined, error);
  return ofFault(messageOf(error), error);
}

const ofFault = (message: string, cause: unknown) =>
  new Failure('Unexpected', message, 'this is a mistake of the program, please report it', cause);

function ofAnswer(error: ApiError): Failure {
  const {status, message: text} = error;
  const message = withoutRequest(text);
  if (status === 0 && /^(TAKE|READ) /.test(text)) return ofFault(message, error);
  if (status === 0) {
    const next = 'see that it runs, and that --kubeconfig and --context name the cluster that you mean';
    return new Failure('Unreachable', `the API server can't be reached (${message})`, next, error);
  }
  if (status === 401) {
    const next = 'renew the credentials of the context, or name another by --context';
    return new Failure('Unauthorized', `the API server does not know who you are (${message})`, next, error);
  }
  if (status === 403) {
    const next = 'ask for that right, or name a context that has it by --context';
    return new Failure('Forbidden', message, next, error);
  }
  if (error.isNotFound && text.includes('/apis/leasepolicy.dev/') && IS_UNSERVED.test(text)) {
    const next = 'install LeasePolicy, or name another cluster by --context';
    return new Failure('NotInstalled', 'the cluster has no LeasePolicies', next, error);
  }
  if (error.isNotFound) return new Failure('NotFound', message, 'look for it by kubectl get', error);
  return new Failure('Refused', message, 'the API server has refused it: correct what it names', error);
}

/** What the API server says of a resource that it does not serve; of an object it says its name. */
const IS_UNSERVED = /page not found|could not find the requested resource/;

/** An ApiError begins with the request, which says nothing to people. */
const withoutRequest = (message: string) => message.replace(/^[A-Z]+ \/\S* ?: ?|^[A-Z]+ \/[^:\s]*: /, '');
