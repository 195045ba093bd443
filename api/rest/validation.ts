import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { invalid, type FieldError } from '../../domain/errors.ts';
import { toPath } from './field-path.ts';

type Issue = z.core.$ZodIssue;

/** A caller is told of this many faults at most. */
const MAX_ERRORS = 50;

/**
 * Parses input with a schema.
 * @throws SchedulerError `invalid` that lists the faults, each with its path and with what would be right
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input, SETTINGS);
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap((issue) => toFieldErrors(issue, [])).slice(0, MAX_ERRORS));
}

/**
 * Parses the headers that a schema names; others are ignored.
 * @throws SchedulerError `invalid` that lists the faults by the names of the headers
 */
export function parseHeaders(schema: z.ZodObject, headers: IncomingHttpHeaders): unknown {
  const given = Object.keys(schema.shape).map((name) => [name, headers[name.toLowerCase()]]);
  const result = schema.safeParse(Object.fromEntries(given), SETTINGS);
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, code, message }) => ({ path: String(path[0]), code, message })),
  );
}

/** Messages for the faults for which the schemas have none; undefined leaves zod's own. */
export function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `is required (${issue.expected})`;
      return `must be ${article(issue.expected)}, not ${nameOf(issue.input)}`;
    case 'invalid_union':
      if (issue.input === undefined) return 'is required';
      return Array.isArray(issue.options) ? oneOf(issue.options) : undefined;
    case 'unrecognized_keys':
      return `unknown field ${issue.keys.map((key) => JSON.stringify(key.slice(0, 64))).join(', ')}`;
    case 'invalid_value':
      return oneOf(issue.values);
    case 'too_big':
      return `must be at most ${issue.maximum}${unitOf(issue.origin)}`;
    case 'too_small':
      return `must be at least ${issue.minimum}${unitOf(issue.origin)}`;
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'not_multiple_of':
      return undefined;
  }
}

/** Issues keep the value that they are about, which tells a missing field from one of a wrong type. */
const SETTINGS = { error: explain, reportInput: true };

/** Tells whether the field of an issue is missing. Only zod's checks of type and union see it then. */
const isMissing = (issue: Issue) =>
  (issue.code === 'invalid_type' || issue.code === 'invalid_union') && issue.input === undefined;

const oneOf = (values: readonly unknown[]) =>
  `must be ${values.map((value) => JSON.stringify(value)).join(' or ')}`;
const article = (type: string) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`);
const unitOf = (origin: string) =>
  origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : '';

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  if (Number.isNaN(value)) return 'a text that is no number';
  return Array.isArray(value) ? 'an array' : article(typeof value);
}

function toFieldErrors(issue: Issue, parents: PropertyKey[]): FieldError[] {
  const path = [...parents, ...issue.path];
  if (issue.code === 'invalid_union' && !isMissing(issue)) return explainUnion(issue, path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: toPath([...path, key]),
      code: 'unknown_field',
      message: 'there is no such field; is it misspelt?',
    }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: toPath(path), code: inner.code, message: inner.message }));
  }
  const code = isMissing(issue) ? 'required' : issue.code;
  return [{ path: toPath(path), code, message: issue.message }];
}

/** Explains the faults of the branch of a union that was probably meant: the one that fits best. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, path: PropertyKey[]): FieldError[] {
  if (issue.errors.length === 0)
    return [{ path: toPath(path), code: 'invalid_union', message: issue.message }];
  const misfits = issue.errors.map((branch) => branch.reduce((sum, inner) => sum + countMisfits(inner), 0));
  const fewest = Math.min(...misfits);
  const meant = issue.errors.filter((_, index) => misfits[index] === fewest);
  const [only] = meant;
  if (meant.length === 1 && only) return only.flatMap((inner) => toFieldErrors(inner, path));
  return [{ path: toPath(path), code: 'invalid_union', message: describeMisfit(meant.flat()) }];
}

/** The message where several branches fit equally badly: fields are missing, exclude each other, or have a wrong type. */
function describeMisfit(issues: Issue[]): string {
  const listed = (texts: string[]) => [...new Set(texts)].join(', ');
  const missing = issues.filter((issue) => issue.path.length > 0 && isMissing(issue));
  if (missing.length > 0)
    return `needs exactly one of ${listed(missing.map((issue) => JSON.stringify(issue.path.join('.'))))}`;
  const excess = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  if (excess.length > 0)
    return `holds fields that exclude each other: ${listed(excess.map((key) => JSON.stringify(key)))}`;
  return [...new Set(issues.flatMap(messagesOf))].join('; or ');
}

/** The messages of an issue; of a union, those of its branches. */
function messagesOf(issue: Issue): string[] {
  return issue.code === 'invalid_union' && issue.errors.length > 0
    ? issue.errors.flat().flatMap(messagesOf)
    : [issue.message];
}

/** Counts the faults that tell of a wrong branch of the union, rather than of a wrong value in the right one. */
function countMisfits(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return issue.keys.length;
  const wrongKind =
    (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.path.length === 0;
  return wrongKind || isMissing(issue) ? 1 : 0;
}
