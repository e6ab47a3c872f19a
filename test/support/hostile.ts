/** Texts with which a stranger would forge a line, colour a terminal, move its cursor or hide what stands there. */

export const HOSTILE = [
  'api\n{"level":"error","message":"forged"}',
  'api\r12:00:00.000 ERROR forged',
  'api\u001b[2K\u001b[1A\u001b[31mforged',
  'api\u001b]0;title\u0007',
  'api\u009b31mforged',
  'api\u0000\u0007\u007f',
  'api\u0085forged',
  'api\u2028forged\u2029forged',
  'api\u202eforged\u2066\u2069\u061c\u200e',
  'api\u200b\u200d\ufeff\u00adforged',
  'api\u{e0001}\u{e0041}forged',
  'api\ud800forged',
  'api" level="error',
  'api %s %d %j forged',
  'api\\u000aforged',
] as const;

/** The characters that end a line, steer a terminal, or are not to be seen. */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
