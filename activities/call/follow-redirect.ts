import { findUrlFault } from '../../domain/target/target-url.ts';
import { BODY_HEADERS, type PreparedCall } from './prepare-call.ts';

/** So many in a row are followed. */
export const MAX_REDIRECTS = 5;

/** Others that have a Location, such as 300, 304 and 305, are none that is followed. */
const REDIRECTS = [301, 302, 303, 307, 308];

/** The call that a redirect asks for, or why it is not made. */
type Redirect = { call: PreparedCall } | { refusal: string };

/**
 * What becomes of a call that is answered with a redirect; undefined if the answer is none. As browsers do it (Fetch
 * standard, "HTTP-redirect fetch"): 303, which says that the call was carried out and the answer is elsewhere, becomes a GET
 * without a body. So would 301 and 302 after a POST, and nobody would have got what it was to bring: that is refused, unless
 * it is allowed. To another origin neither the author's headers nor the signature go along.
 */
export function followRedirect(
  call: PreparedCall,
  statusCode: number,
  location: string | undefined,
  { mayLosePost }: { mayLosePost: boolean },
): Redirect | undefined {
  if (!REDIRECTS.includes(statusCode) || location === undefined) return undefined;
  const target = percentEncode(location);
  if (!URL.canParse(target, call.url.href)) return { refusal: 'the target redirects to what is no URL' };
  const url = new URL(target, call.url);
  const fault = findUrlFault(url.href);
  if (fault) return { refusal: `the target redirects to where no call may go: ${fault}` };
  const losesPost = (statusCode === 301 || statusCode === 302) && call.method === 'POST';
  if (losesPost && !mayLosePost) return { refusal: describeLostPost(statusCode) };
  const becomesGet = losesPost || (statusCode === 303 && !['GET', 'HEAD'].includes(call.method));
  const privateHeaders = url.origin === call.url.origin ? { ...call.privateHeaders } : {};
  const ofBody = becomesGet ? BODY_HEADERS : [];
  const headers = Object.fromEntries(Object.entries(call.headers).filter(([name]) => !ofBody.includes(name)));
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
 * Writes the bytes of a header that are not ASCII as a URL writes them. A header holds one character for each byte, and
 * what servers put into a Location is UTF-8, or something that is theirs to understand.
 */
const percentEncode = (header: string) =>
  header.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
