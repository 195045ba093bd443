import type { Context, Middleware } from 'koa';
import { koaBody } from 'koa-body';
import { SchedulerError } from '../../domain/errors.ts';
import { parseMediaType } from '../rest/media-type.ts';
import { readJson } from '../rest/read-json.ts';

export const MAX_BODY_BYTES = 1_048_576;

/**
 * Reads a JSON body into `context.request.body`. Refuses JSON that would lose something on the way to the database. A
 * missing `optional` body counts as an empty object. `types` are the accepted media types.
 */
export function jsonBody({ optional, types }: { optional: boolean; types: readonly string[] }): Middleware {
  // Latin-1 keeps each byte as one character, so that readJson gets the bytes as they were sent.
  const readBytes = koaBody({
    json: false,
    urlencoded: false,
    multipart: false,
    text: true,
    textTypes: [...types],
    textLimit: MAX_BODY_BYTES,
    encoding: 'latin1',
    onError: (error) => {
      throw toRefusal(error);
    },
  });
  return async (context, next) => {
    const request = context.request as { body?: unknown };
    // `is` returns null if the request has no body.
    const isEmpty = context.get('content-length') === '0' || context.is([...types]) === null;
    if (isEmpty && optional) {
      request.body = {};
      await next();
      return;
    }
    if (!isEmpty) requireJsonType(context, types);
    if (!isEmpty) await readBytes(context, async () => undefined);
    if (isEmpty || request.body === undefined || request.body === '')
      throw new SchedulerError('not_json', 'The body is empty; send a JSON object.');
    request.body = readJson(Buffer.from(request.body as string, 'latin1'));
    await next();
  };
}

function requireJsonType(context: Context, types: readonly string[]): void {
  const header = context.get('content-type');
  const shown = header.slice(0, 100);
  const mediaType = parseMediaType(header);
  if (mediaType && types.includes(mediaType.type)) {
    const charset = mediaType.parameters.find(({ name, value }) => name === 'charset' && !isUtf8(value));
    if (charset)
      throw new SchedulerError(
        'unsupported_media_type',
        `The Content-Type names the charset ${JSON.stringify(charset.value.slice(0, 40))}; send JSON as UTF-8 (RFC 8259, 8.1).`,
      );
    // koa-body does not accept every valid spelling of the header.
    context.req.headers['content-type'] = mediaType.type;
    return;
  }
  const isMalformed = header !== '' && !mediaType;
  // RFC 5789, 2.2.
  if (context.method === 'PATCH') context.set('Accept-Patch', types.join(', '));
  throw new SchedulerError(
    'unsupported_media_type',
    `The body is ${isMalformed ? `of ${JSON.stringify(shown)}, which is no media type (RFC 9110, 8.3.1)` : shown || 'of no named type'}; send it as Content-Type: ${types.join(' or ')}.`,
  );
}

const isUtf8 = (charset: string) => ['utf-8', 'utf8'].includes(charset.toLowerCase());

function toRefusal(error: Error & { type?: string; status?: number }): SchedulerError {
  if (error.type === 'entity.too.large' || error.status === 413)
    return new SchedulerError('body_too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`, {
      cause: error,
    });
  if (error.status === 415)
    return new SchedulerError(
      'unsupported_media_type',
      'The Content-Encoding of the body is not supported; send gzip, deflate, br or none.',
      { cause: error },
    );
  return new SchedulerError('not_json', `The body cannot be read as JSON: ${error.message.split('\n')[0]}`, {
    cause: error,
  });
}
