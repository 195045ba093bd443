import { isBadPort } from './bad-ports.ts';

/** Says why a text is no URL that a job may call; undefined if it is one. What its host leads to is checked at the call. */
export function findUrlFault(text: string): string | undefined {
  // A URL parser would take them out, or write them in another way, without a word.
  // eslint-disable-next-line no-control-regex -- control characters are what it is about
  if (/[\x00-\x1f\x7f]|^\s|\s$/.test(text))
    return 'the URL holds a tab, a line break or another control character, or a blank at one of its ends; leave it out';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'this is not a URL; write such as "https://example.com/path"';
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `${url.protocol} is no http or https URL; write such as "https://example.com/path"`;
  if (url.username !== '' || url.password !== '') {
    return 'the URL holds credentials, which every log on the way would show; put them into a header';
  }
  if (isBadPort(url.port)) {
    return `port ${url.port} belongs to another protocol than HTTP, and is not called (Fetch standard, "bad port")`;
  }
  return undefined;
}
