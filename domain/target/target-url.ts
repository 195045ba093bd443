import { isBadPort } from './bad-ports.ts';
import { parseUrl } from '../parse-url.ts';
import { findInvisible } from '../text.ts';

const EXAMPLE = 'write one such as "https://example.com/path"';

/**
 * Says why a job may not call a URL; undefined if it may. The URL that is called must be the one that a reader sees. So
 * everything that a URL parser would remove or rewrite is refused, except that host names become lower-case Punycode and
 * other characters are percent-encoded. The addresses of the host are checked by the SSRF guard when the call is made
 * (activities/call/guarded-dispatcher.ts). Pure.
 */
export function findUrlFault(text: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  if (/[\x00-\x1f\x7f]|^\s|\s$/.test(text))
    return 'the URL holds a tab, a line break or another control character, or a blank at one of its ends; leave it out';
  const unseen = findInvisible(text);
  if (unseen) return `the URL ${unseen}, or percent-encode it`;
  const url = parseUrl(text);
  if (!url) return `this is not a URL; ${EXAMPLE}`;
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `${url.protocol} is no http or https URL; ${EXAMPLE}`;
  const [, authority = '', path = ''] = /^\w+:\/\/([^/\\?#]+)([^?#]*)/.exec(text) ?? [];
  if (authority === '') return `after ${url.protocol} there must be two slashes and a host; ${EXAMPLE}`;
  // A backslash before braces is allowed: it escapes a placeholder.
  if (/\\(?!\{\{)/.test(path))
    return 'the URL holds a backslash; write / for a slash, or %5C for a backslash';
  if (authority.includes('@'))
    return 'the URL holds credentials, which logs on the way would show; put them into a header';
  if (isBadPort(url.port))
    return `port ${url.port} belongs to another protocol than HTTP, and is not called (Fetch standard, "bad port")`;
  const host = authority.replace(/:\d*$/, '');
  if (!isSameHost(host, url.hostname))
    return `the host ${JSON.stringify(host.slice(0, 64))} would be read as ${JSON.stringify(url.hostname.slice(0, 64))}; write it that way if you mean it`;
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)))
    return 'the path of the URL holds the segment "." or "..", which would be taken out; write the path without it';
  return undefined;
}

/**
 * Whether a URL parser changes a host only to lower case and Punycode. It would also map compatibility characters (UTS 46)
 * such as full-width letters, circled digits and ligatures, and the full stops of other scripts.
 */
function isSameHost(written: string, read: string): boolean {
  // An IPv6 address.
  if (written.startsWith('[')) return true;
  const lower = written.normalize('NFC').toLowerCase();
  if (/^[\x21-\x7e]*$/.test(lower)) return lower === read;
  return lower === lower.normalize('NFKC') && !/[%。]/.test(lower);
}
