/** MicroTime, the time format of Leases: RFC 3339 in UTC with exactly six digits after the second. */

/** Writes milliseconds since 1970 as the API server wants them; it refuses three digits. */
export function formatMicroTime(wallMs: number): string {
  const micros = Math.floor((wallMs % 1000) * 1000);
  const seconds = new Date(Math.floor(wallMs / 1000) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros).padStart(6, '0')}Z`;
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** Milliseconds since 1970, or undefined for a text that is no time: any text may stand in a Lease. */
export function parseMicroTime(text: string | undefined): number | undefined {
  if (text === undefined || !RFC3339.test(text)) return undefined;
  const wallMs = Date.parse(text);
  return Number.isNaN(wallMs) ? undefined : wallMs;
}
