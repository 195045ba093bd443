// Placeholders in a target, such as `{{runId}}`, which are filled in for each call.

/** The values of the placeholders in one call. */
export interface PlaceholderValues {
  /** The nominal time of the run, RFC 3339 in UTC. */
  scheduledAt: string;
  jobId: string;
  runId: string;
  /** 1 for the first call of a run. */
  attempt: string;
  /** Grows with each attempt under one concurrency key, and with each attempt of a run. */
  fencingToken: string;
}

/** The placeholders of every target. */
export const PLACEHOLDERS: readonly string[] = [
  'scheduledAt',
  'jobId',
  'runId',
  'attempt',
  'fencingToken',
] satisfies (keyof PlaceholderValues)[];

/** The same with those of hooks (domain/job/hook.ts). */
export type AnyPlaceholderValues = PlaceholderValues & Record<string, string>;

/** A backslash before the braces escapes them. */
const PLACEHOLDER = /\\?\{\{([^{}]*)\}\}/g;

/** The unknown placeholders in a text, or anywhere in a JSON value. Pure. */
export function findUnknownPlaceholders(value: unknown, known = PLACEHOLDERS): string[] {
  if (typeof value === 'string') {
    return [...value.matchAll(PLACEHOLDER)]
      .filter(([whole]) => !whole.startsWith('\\'))
      .map(([, name = '']) => name.trim())
      .filter((name) => !known.includes(name));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((entry) => findUnknownPlaceholders(entry, known));
}

/** The error message for unknown placeholders. Pure. */
export const describeUnknownPlaceholders = (names: string[], known = PLACEHOLDERS) =>
  `there is no placeholder ${[...new Set(names)].map((name) => `{{${name.slice(0, 64)}}}`).join(', ')}; ` +
  `there are ${known.map((name) => `{{${name}}}`).join(', ')}, and \\{{ is sent as {{`;

/** Fills in the placeholders of a text; `write` encodes each value. Unknown placeholders are left. Pure. */
export function fillInText(
  text: string,
  values: AnyPlaceholderValues,
  write = (value: string) => value,
): string {
  return text.replace(PLACEHOLDER, (whole, name: string) => {
    if (whole.startsWith('\\')) return whole.slice(1);
    const known = name.trim();
    return Object.hasOwn(values, known) ? write(values[known] as string) : whole;
  });
}

/** Fills in the placeholders in every string of a JSON value, but not in its keys. Pure. */
export function fillIn(value: unknown, values: AnyPlaceholderValues): unknown {
  if (typeof value === 'string') return fillInText(value, values);
  if (Array.isArray(value)) return value.map((entry) => fillIn(entry, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fillIn(entry, values)]));
}
