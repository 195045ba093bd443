import { isBadPort } from './bad-ports.ts';
import { findInvisible } from '../text.ts';

const EXAMPLE = 'write such as "https://example.com/path"';

/**
 * Says why a text is no URL that a job may call; undefined if it is one. What is called is what a reader sees: what a URL
 * parser would take out or read as something else is refused, and nothing changes but that names of hosts go by Punycode in
 * lower case, and that what a URL cannot hold is percent-encoded. What its host leads to is checked at the call. Pure.
 */
export function findUrlFault(text: string): string | undefined {
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  if (/[\x00-\x1f\x7f]|^\s|\s$/.test(text))
    return 'the URL holds a tab, a line break or another control character, or a blank at one of its ends; leave it out';
  const unseen = findInvisible(text);
  if (unseen) return `the URL ${unseen}, or percent-encode it`;
  if (!URL.canParse(text)) return `this is not a URL; ${EXAMPLE}`;
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `${url.protocol} is no http or https URL; ${EXAMPLE}`;
  const [, authority = '', path = ''] = /^\w+:\/\/([^/\\?#]+)([^?#]*)/.exec(text) ?? [];
  if (authority === '') return `after ${url.protocol} there must be two slashes and a host; ${EXAMPLE}`;
  // Before braces it takes the meaning of a placeholder away.
  if (/\\(?!\{\{)/.test(path))
    return 'the URL holds a backslash; write / for a slash, or %5C for a backslash';
  if (authority.includes('@'))
    return 'the URL holds credentials, which every log on the way would show; put them into a header';
  if (isBadPort(url.port))
    return `port ${url.port} belongs to another protocol than HTTP, and is not called (Fetch standard, "bad port")`;
  const host = authority.replace(/:\d*$/, '');
  if (!isSameHost(host, url.hostname))
    return `the host ${JSON.stringify(host.slice(0, 64))} would be read as ${JSON.stringify(url.hostname.slice(0, 64))}; write it so if it is what is meant`;
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment)))
    return 'the path of the URL holds the step "." or "..", which would be taken out; write the path that is meant';
  return undefined;
}

/**
 * Tells whether a host, as it is written in a URL, is read without a change but that to lower case and to Punycode. What
 * Unicode knows as another form of a character, the reader takes for that character (UTS 46): full-width letters, digits in
 * circles, ligatures, and the stops of other scripts, which no form of it tells.
 */
function isSameHost(written: string, read: string): boolean {
  // An IPv6 address.
  if (written.startsWith('[')) return true;
  const lower = written.normalize('NFC').toLowerCase();
  if (/^[\x21-\x7e]*$/.test(lower)) return lower === read;
  return lower === lower.normalize('NFKC') && !/[%。]/.test(lower);
}
