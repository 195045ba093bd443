import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import { invalid, type FieldError } from '../../domain/errors.ts';
import { toPath } from './field-path.ts';

type Issue = z.core.$ZodIssue;

/** More faults than these help nobody. */
const MAX_ERRORS = 50;

/**
 * Parses input with a schema.
 * @throws SchedulerError `invalid` that lists all faults, each with its place and with what would be right
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input, { error: explain });
  if (result.success) return result.data;
  throw invalid(result.error.issues.flatMap((issue) => toFieldErrors(issue, [])).slice(0, MAX_ERRORS));
}

/**
 * Parses those headers that a schema names.
 * @throws SchedulerError `invalid` that lists all faults by the names of the headers
 */
export function parseHeaders(schema: z.ZodObject, headers: IncomingHttpHeaders): unknown {
  const given = Object.keys(schema.shape).map((name) => [name, headers[name.toLowerCase()]]);
  const result = schema.safeParse(Object.fromEntries(given), { error: explain });
  if (result.success) return result.data;
  throw invalid(
    result.error.issues.map(({ path, code, message }) => ({ path: String(path[0]), code, message })),
  );
}

/** How the message of a missing field begins: zod keeps no other trace of what was missing. */
const REQUIRED = 'is required';

/** Words for the faults that our schemas do not word themselves. Undefined: zod's own. */
export function explain(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return `${REQUIRED} (${issue.expected})`;
      return `must be ${article(issue.expected)}, not ${nameOf(issue.input)}`;
    case 'invalid_union':
      if (issue.input === undefined) return REQUIRED;
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
  if (issue.code === 'invalid_union' && !issue.message.startsWith(REQUIRED)) return explainUnion(issue, path);
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
  const missing = issue.message.startsWith(REQUIRED);
  return [{ path: toPath(path), code: missing ? 'required' : issue.code, message: issue.message }];
}

/** Of a union, only the branch that was meant is of interest: the one whose fields fit. */
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

/** What is wrong when several branches fit equally badly: fields that are missing, too many, or of no kind that is allowed. */
function describeMisfit(issues: Issue[]): string {
  const listed = (texts: string[]) => [...new Set(texts)].join(', ');
  const missing = issues.filter((issue) => issue.path.length > 0 && issue.message.startsWith(REQUIRED));
  if (missing.length > 0)
    return `needs exactly one of ${listed(missing.map((issue) => JSON.stringify(issue.path.join('.'))))}`;
  const excess = issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  if (excess.length > 0)
    return `holds fields that exclude each other: ${listed(excess.map((key) => JSON.stringify(key)))}`;
  return [...new Set(issues.flatMap(messagesOf))].join('; or ');
}

/** The messages of an issue, those within a union included. */
function messagesOf(issue: Issue): string[] {
  return issue.code === 'invalid_union' && issue.errors.length > 0
    ? issue.errors.flat().flatMap(messagesOf)
    : [issue.message];
}

/** How many faults of this issue speak of the wrong branch, rather than of a wrong value in the right one. */
function countMisfits(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return issue.keys.length;
  const wrongKind =
    (issue.code === 'invalid_type' || issue.code === 'invalid_value') && issue.path.length === 0;
  return wrongKind || issue.message.startsWith(REQUIRED) ? 1 : 0;
}
