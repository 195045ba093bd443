import type { Middleware } from 'koa';
import { koaBody } from 'koa-body';
import { invalid, SchedulerError } from '../../domain/errors.ts';

export const MAX_BODY_BYTES = 1_048_576;
const MAX_DEPTH = 32;

/**
 * Reads a JSON body into `context.request.body`, and refuses everything that could not be stored as it is. An `optional`
 * body that is not there is an empty object. `types` are the content types that are taken.
 */
export function jsonBody({ optional, types }: { optional: boolean; types: readonly string[] }): Middleware {
  const parse = koaBody({
    json: true,
    jsonTypes: [...types],
    text: false,
    urlencoded: false,
    multipart: false,
    jsonLimit: MAX_BODY_BYTES,
    jsonStrict: false,
    onError: (error) => {
      throw toRefusal(error);
    },
  });
  return async (context, next) => {
    // null: there is no body at all.
    const isEmpty = context.get('content-length') === '0' || context.is([...types]) === null;
    if (isEmpty && optional) {
      (context.request as { body?: unknown }).body = {};
      await next();
      return;
    }
    if (!isEmpty && context.is([...types]) === false) {
      // RFC 5789, 2.2.
      if (context.method === 'PATCH') context.set('Accept-Patch', types.join(', '));
      throw new SchedulerError(
        'unsupported_media_type',
        `The body is ${context.get('content-type') || 'of no named type'}; send it as Content-Type: ${types.join(' or ')}.`,
      );
    }
    await parse(context, async () => undefined);
    const { body } = context.request as { body?: unknown };
    if (isEmpty || body === undefined || body === '')
      throw new SchedulerError('not_json', 'The body is empty; send a JSON object.');
    requireStorable(body);
    await next();
  };
}

function toRefusal(error: Error & { type?: string; status?: number }): SchedulerError {
  if (error.type === 'entity.too.large' || error.status === 413) {
    return new SchedulerError('body_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`, {
      cause: error,
    });
  }
  // So @hapi/bourne says it, with which the body is parsed.
  if (error.message.includes('forbidden prototype property'))
    return refuse('', 'forbidden_key', 'no field may be named __proto__');
  // What the parser quotes of the body may be a secret.
  const words = error.message.replace(/, (\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s, '');
  return new SchedulerError('not_json', `The body can not be read as JSON: ${words}`);
}

/**
 * JSON can say more than PostgreSQL can store (NUL, halves of surrogate pairs), and nest deeper than
 * code should have to follow.
 * @throws SchedulerError `invalid` at the first such place
 */
function requireStorable(body: unknown): void {
  const pending: { value: unknown; key: string; path: string; depth: number }[] = [
    { value: body, key: '', path: '', depth: 0 },
  ];
  for (let entry = pending.pop(); entry; entry = pending.pop()) {
    const { value, key: parent, path, depth } = entry;
    if (typeof value === 'string') requireText(value, path);
    if (typeof value !== 'object' || value === null) continue;
    if (depth >= MAX_DEPTH)
      throw refuse(path, 'too_deep', `the body is nested deeper than ${MAX_DEPTH} levels`);
    for (const [key, child] of Object.entries(value)) {
      requireText(key, path);
      const childPath = Array.isArray(value) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      // Code that merges objects without care would change what all objects have in common. __proto__ the parser refuses.
      if (key === 'prototype' && parent === 'constructor')
        throw refuse(childPath, 'forbidden_key', 'no field may have this name');
      pending.push({ value: child, key, path: childPath, depth: depth + 1 });
    }
  }
}

/** Tells what of a text can not be stored; undefined if all of it can. */
export function findUnstorable(text: string): string | undefined {
  if (text.includes('\0')) return 'holds a NUL character, which can not be stored';
  if (!text.isWellFormed()) return 'holds half of a surrogate pair, which is no text';
  return undefined;
}

function requireText(text: string, path: string): void {
  const fault = findUnstorable(text);
  if (fault) throw refuse(path, 'not_text', fault);
}

const refuse = (path: string, code: string, message: string) =>
  invalid([{ path: path.slice(0, 200), code, message }]);
