import { z } from 'zod';

// Written without flags, for JSON Schema knows none.
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const NO_CONTROL_CHARACTERS = /^[^\x00-\x1f\x7f-\x9f]*$/;
/** Lines may be broken, but neither may a terminal be told anything, nor the direction of what follows be turned. */
const FREE_TEXT =
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  /^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$/;

/**
 * What nobody sees: format characters (zero-width ones, controls of text direction), what Unicode says is to be ignored
 * where it is not known, separators of lines, blank symbols, and what Unicode gives no look.
 */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u2800\u{1d159}]/u;
/** An emoji is told from a symbol by it: not invisible where it follows one. */
const EMOJI = /\p{Extended_Pictographic}\uFE0F/gu;

/** A blank that is as wide as others, or wider, and another character: U+00A0, U+2003, …. */
const ODD_BLANK = /[^\P{Zs} ]/u;

/** Says what nobody sees in a text, or takes for a plain blank; undefined if there is nothing. Pure. */
export function findInvisible(text: string): string | undefined {
  const [blank] = ODD_BLANK.exec(text) ?? [];
  if (blank !== undefined)
    return `holds the blank ${codeOf(blank)}; the only one that is allowed is U+0020: leave it out`;
  const [invisible] = INVISIBLE.exec(text.replace(EMOJI, '')) ?? [];
  if (invisible === undefined) return undefined;
  return `holds ${codeOf(invisible)}, which is invisible or changes the direction of text; leave it out`;
}

const codeOf = (character: string) =>
  `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`;

/** Says what makes a text look like another one; undefined if nothing does. Pure. */
function findLookalike(text: string): string | undefined {
  if (/^\p{M}/u.test(text)) return 'must not begin with a combining mark, which needs a letter before it';
  if (text.trim() !== text) return 'must not begin or end with a blank, which nobody sees';
  return undefined;
}

/** A zod schema for a text of one line that operators read: it holds nothing that they cannot see. */
export const singleLine = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(NO_CONTROL_CHARACTERS, { error: 'control characters and line breaks are not allowed' })
    .superRefine((text, context) => {
      const message = findInvisible(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });

/** A zod schema for a text of any lines that operators read: it must not show another way than it is written. */
export const freeText = (maxLength: number) =>
  z.string().max(maxLength).regex(FREE_TEXT, {
    error:
      'control characters, and controls of the direction of text (U+202A to U+202E, U+2066 to U+2069), are not allowed',
  });

/**
 * A zod schema for a text by which things are told apart: one line, in Unicode's normal form NFC, without what makes two
 * texts look the same.
 */
export const nameText = (maxLength: number) =>
  singleLine(maxLength)
    .normalize('NFC')
    .superRefine((text, context) => {
      // In a few scripts the normal form is longer than what was sent.
      const message =
        text.length > maxLength
          ? `must be at most ${maxLength} characters long in Unicode's normal form NFC`
          : findLookalike(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });

/** Says what PostgreSQL cannot store of a text; undefined if it can store all of it. Pure. */
export function findUnstorable(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character, which cannot be stored';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is no text';
  return undefined;
}
