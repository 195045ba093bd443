import { z } from 'zod';

// Without flags, because JSON Schema has none.
// eslint-disable-next-line no-control-regex -- it matches control characters
const NO_CONTROL_CHARACTERS = /^[^\x00-\x1f\x7f-\x9f]*$/;
/** Allows line breaks and tabs, but neither terminal escapes nor controls of the text direction. */
const FREE_TEXT =
  // eslint-disable-next-line no-control-regex -- it matches control characters
  /^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$/;

/**
 * Invisible characters: format characters (zero-width, text direction), default-ignorable code points, line and paragraph
 * separators, blank symbols, and private-use and unassigned code points.
 */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Cn}\u2800\u{1d159}]/u;
/** U+FE0F after a symbol makes it an emoji; there it is not invisible. */
const EMOJI = /\p{Extended_Pictographic}\uFE0F/gu;

/** Spaces other than U+0020, such as U+00A0 and U+2003. */
const OTHER_SPACE = /[^\P{Zs} ]/u;

/** Names an invisible character in a text, or a space other than U+0020; undefined if there is none. Pure. */
export function findInvisible(text: string): string | undefined {
  const [space] = OTHER_SPACE.exec(text) ?? [];
  if (space !== undefined) return `holds the blank ${codeOf(space)}; only U+0020 is allowed`;
  const [invisible] = INVISIBLE.exec(text.replace(EMOJI, '')) ?? [];
  if (invisible === undefined) return undefined;
  return `holds ${codeOf(invisible)}, which is invisible or changes the direction of text; leave it out`;
}

const codeOf = (character: string) =>
  `U+${(character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`;

/** Says why a text could look the same as another one; undefined if it cannot. Pure. */
function findLookalike(text: string): string | undefined {
  if (/^\p{M}/u.test(text)) return 'must not begin with a combining mark, which needs a letter before it';
  if (text.trim() !== text) return 'must not begin or end with a blank';
  return undefined;
}

/** A zod schema for one line of text without invisible characters, for texts that operators read. */
export const singleLine = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(NO_CONTROL_CHARACTERS, { error: 'control characters and line breaks are not allowed' })
    .superRefine((text, context) => {
      const message = findInvisible(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    });

/** A zod schema for text of several lines, without characters that change how the rest is displayed. */
export const freeText = (maxLength: number) =>
  z.string().max(maxLength).regex(FREE_TEXT, {
    error:
      'control characters, and controls of the direction of text (U+202A to U+202E, U+2066 to U+2069), are not allowed',
  });

/**
 * A zod schema for names: one line, converted to Unicode's normal form NFC, so that two different names do not look the
 * same.
 */
export const nameText = (maxLength: number) =>
  singleLine(maxLength)
    .normalize('NFC')
    .superRefine((text, context) => {
      // In a few scripts, NFC is longer than the text that was sent.
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
