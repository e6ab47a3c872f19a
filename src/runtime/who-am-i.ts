/** Asks the API server which user it takes us for. */
import {ApiError} from '../errors.ts';
import type {ApiClient} from './client.ts';
import {delay} from './clock.ts';

const AGAIN_MS = 1_000;
const PATH = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const BODY = {apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview'};

type Review = {status?: {userInfo?: {username?: string}}};

/** The user name; asks again while there is no answer, and is empty when the signal aborts first. */
export async function whoAmI(
  client: ApiClient,
  signal: AbortSignal,
  onProblem: (error: ApiError) => void,
): Promise<string> {
  while (!signal.aborted) {
    try {
      const review = await client.request<Review | null>('POST', PATH, {body: BODY, signal});
      const username: unknown = review?.status?.userInfo?.username;
      return typeof username === 'string' ? username : '';
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (!signal.aborted) onProblem(error);
      await delay(AGAIN_MS, signal);
    }
  }
  return '';
}
