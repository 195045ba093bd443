import { parseUrl } from '../../domain/parse-url.ts';
import { findUrlFault } from '../../domain/target/target-url.ts';
import { BODY_HEADERS, type PreparedCall } from './prepare-call.ts';

/** Redirects in a row that are followed. */
export const MAX_REDIRECTS = 5;

/** Statuses that are followed. Others, such as 300, 304 and 305, can have a Location too. */
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

/** The call that a redirect asks for, or why it must not be made. */
type Redirect = { call: PreparedCall } | { refusal: string };

/**
 * The call that follows a redirect; undefined if the response is no redirect. Follows the Fetch
 * standard ("HTTP-redirect fetch"): 303 makes the next call a GET without a body. 301 and 302 after a
 * POST would too, and the body would reach nobody, so they are refused without `mayLosePost`. Another
 * origin gets neither the author's headers nor the signature. Pure.
 */
export function followRedirect(
  call: PreparedCall,
  statusCode: number,
  location: string | undefined,
  { mayLosePost }: { mayLosePost: boolean },
): Redirect | undefined {
  if (!REDIRECT_STATUSES.includes(statusCode) || location === undefined) return undefined;
  const target = percentEncode(location);
  const url = parseUrl(target, call.url.href);
  if (!url) return { refusal: 'the target redirects to what is no URL' };
  const fault = findUrlFault(url.href);
  if (fault) return { refusal: `the target redirects to where no call may go: ${fault}` };
  const losesPost = (statusCode === 301 || statusCode === 302) && call.method === 'POST';
  if (losesPost && !mayLosePost) return { refusal: describeLostPost(statusCode) };
  const becomesGet = losesPost || (statusCode === 303 && !['GET', 'HEAD'].includes(call.method));
  const privateHeaders = url.origin === call.url.origin ? { ...call.privateHeaders } : {};
  const dropped = becomesGet ? BODY_HEADERS : [];
  const headers = Object.fromEntries(
    Object.entries(call.headers).filter(([name]) => !dropped.includes(name)),
  );
  if (becomesGet) delete privateHeaders['webhook-signature'];
  return {
    call: {
      ...call,
      url,
      headers,
      privateHeaders,
      ...(becomesGet ? { method: 'GET', body: null } : {}),
    },
  };
}

const describeLostPost = (statusCode: number) =>
  `the target answered ${statusCode} to a POST, and following that would make it a GET without its body; call the URL to ` +
  'which it redirects, have it answer 307 or 308, or allow this with followRedirects: "asGet"';

/**
 * Percent-encodes the non-ASCII bytes of a header, whose text has one character for each byte. Servers
 * send UTF-8 or encodings of their own.
 */
const percentEncode = (header: string) =>
  header.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
