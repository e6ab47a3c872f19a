/** The names of buckets, base.NN-of-MM: one election that is split over several Leases. */

/** As Knative writes them: two digits at least, and none in front that is not needed. */
const BUCKET = /^(.+)\.(\d\d|[1-9]\d{2,8})-of-(\d\d|[1-9]\d{2,8})$/;

/** The election that a name like controller.revisions.03-of-10 is a part of; buckets are counted from 0. */
export function bucketOf(name: string): {base: string; index: number; count: number} | undefined {
  const [, base, index, count] = BUCKET.exec(name) ?? [];
  if (base === undefined || Number(index) >= Number(count)) return undefined;
  return {base, index: Number(index), count: Number(count)};
}
