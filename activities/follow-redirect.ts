import type { PreparedCall } from './prepare-call.ts';

/** So many in a row are followed. */
export const MAX_REDIRECTS = 5;

const REDIRECTS = [301, 302, 303, 307, 308];

/** A URL is none that may be called, or a redirect is none that can be followed. */
export class UncallableError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UncallableError';
  }
}

/**
 * The call that a redirect asks for; undefined if the answer is none. As browsers do it (Fetch standard, "HTTP-redirect
 * fetch"): 303, and 301 and 302 after a POST, become a GET without a body. To another origin neither the author's headers
 * nor the signature go along.
 * @throws UncallableError for what is no URL
 */
export function followRedirect(
  call: PreparedCall,
  statusCode: number,
  location: string | undefined,
): PreparedCall | undefined {
  if (!REDIRECTS.includes(statusCode) || location === undefined) return undefined;
  const target = percentEncode(location);
  if (!URL.canParse(target, call.url.href))
    throw new UncallableError('the target redirects to what is no URL');
  const url = new URL(target, call.url);
  const losesBody =
    (statusCode === 303 && call.method !== 'GET') ||
    ((statusCode === 301 || statusCode === 302) && call.method === 'POST');
  const privateHeaders = url.origin === call.url.origin ? { ...call.privateHeaders } : {};
  const headers = { ...call.headers };
  if (losesBody) {
    delete headers['content-type'];
    delete privateHeaders['webhook-signature'];
  }
  return {
    ...call,
    url,
    headers,
    privateHeaders,
    ...(losesBody ? { method: 'GET', body: null } : {}),
  };
}

/**
 * Writes the bytes of a header that are not ASCII as a URL writes them. A header holds one character for each byte, and
 * what servers put into a Location is UTF-8, or something that is theirs to understand.
 */
const percentEncode = (header: string) =>
  header.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
