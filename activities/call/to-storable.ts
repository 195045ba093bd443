import { redact } from './redact.ts';

/** Characters of an answer that are kept. */
const EXCERPT_LENGTH = 1_024;
/** And of an error. */
export const MAX_ERROR_LENGTH = 500;

/** A text of this length at most, without secrets, and as PostgreSQL takes it: without NUL and halves of surrogate pairs. */
export const toStorable = (text: string, secrets: string[] = [], maxLength = EXCERPT_LENGTH) =>
  redact(text, secrets).slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();
