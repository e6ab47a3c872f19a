/** Makes a text that strangers may have written fit to be shown: one line, nothing unseen, and not too long. */

/** What ends a line, steers a terminal, turns the direction of writing, or is not to be seen at all. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** The longest message of a finding or an Event; Kubernetes' own end there too. */
export const MESSAGE_MOST = 1024;
/** The longest message of a condition that the CRD takes. */
export const CONDITION_MOST = 32_768;
/** The most of a holder, or of another text of a Lease, in a sentence of ours. */
const EXCERPT_MOST = 128;

/** Everything unseen as an escape of JSON, so that a line of JSON stays what it was. */
export function escaped(text: string): string {
  return text.replace(UNSEEN, each =>
    [...Array(each.length).keys()]
      .map(at => `\\u${each.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** For people: lines become one, and an ellipsis stands in place of what is beyond so many UTF-16 units. */
export function legible(text: string, most: number): string {
  const shown = escaped(text.slice(0, most + 1).replace(/[\t\n\r]+/g, ' '));
  if (Math.max(text.length, shown.length) <= most) return shown;
  return `${withoutHalf(shown.slice(0, most - 1))}…`;
}

/** A text of a Lease, as part of a sentence whose end must not be lost. */
export const excerpt = (text: string) => legible(text, EXCERPT_MOST);

/** A cut may have gone through a character. */
const withoutHalf = (text: string) => text.replace(/[\ud800-\udbff]$/, '');
