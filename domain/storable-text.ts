/** Says what of a text PostgreSQL cannot store; undefined if it can store all of it. Pure. */
export function findUnstorable(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character, which cannot be stored';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is no text';
  return undefined;
}
