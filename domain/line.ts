import { z } from 'zod';

// Written without flags, for JSON Schema knows none.
// eslint-disable-next-line no-control-regex -- control characters are what it is about
const NO_CONTROL_CHARACTERS = /^[^\x00-\x1f\x7f-\x9f]*$/;

/** A zod schema for a printable text of one line. */
export const line = (maxLength: number) =>
  z
    .string()
    .max(maxLength)
    .regex(NO_CONTROL_CHARACTERS, { error: 'control characters and line breaks are not allowed' });
