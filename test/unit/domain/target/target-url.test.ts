import { expect, test } from '@jest/globals';
import { findUrlFault } from '../../../../domain/target/target-url.ts';

test.each([
  'https://example.com',
  'http://example.com:80/',
  'https://example.com:443/',
  'http://example.com:443/',
  'http://example.com:8080/hooks?x=1#y',
  'https://example.com:65535/',
  'http://10.0.0.1:8000/',
  'https://bücher.example/',
  'https://BÜCHER.example/',
  'https://bu\u0308cher.example/',
  'https://straße.example/',
  'https://пример.example/',
  'https://クリーニング.example/',
  'https://xn--bcher-kva.example/',
  'HTTPS://EXAMPLE.com',
  'https://example.com?q=1',
  'https://example.com./',
  'https://my_host/',
  'http://[::1]:8000/',
  'http://[0:0:0:0:0:0:0:1]/',
  'https://example.com/größe/週報?q=é',
  'https://example.com/a b/%zz/"<>"/.well-known/..a',
  'https://example.com/{{runId}}/\\{{literal}}',
  'https://example.com/?path=C:\\x#a\\b',
  'https://example.com/@user/a@b',
])('%s is a URL that a job may call', (url) => {
  expect(findUrlFault(url)).toBeUndefined();
});

test.each([0, 1, 21, 22, 23, 25, 53, 110, 143, 587, 993, 2049, 4190, 5061, 6000, 6665, 6669, 6697, 10_080])(
  'port %d belongs to another protocol',
  (port) => {
    const fault = `port ${port} belongs to another protocol than HTTP, and is not called (Fetch standard, "bad port")`;
    expect(findUrlFault(`http://example.com:${port}/`)).toBe(fault);
    expect(findUrlFault(`https://example.com:000${port}/`)).toBe(fault);
  },
);

test('credentials are refused without being repeated', () => {
  for (const url of ['http://user:s3cret@example.com/', 'http://s3cret@example.com:25/']) {
    expect(findUrlFault(url)).toMatch(/holds credentials/);
    expect(findUrlFault(url)).not.toMatch(/s3cret/);
  }
});

test.each([
  ['a soft hyphen in the host', 'https://exa\u00admple.com/', /U\+00AD/],
  ['a zero-width space in the host', 'https://exa\u200bmple.com/', /U\+200B/],
  ['full-width letters', 'https://ｅxample.com/', /read as "example.com"/],
  ['a full-width dot', 'https://example．com/', /read as "example.com"/],
  ['an ideographic full stop', 'https://example。com/', /read as "example.com"/],
  ['a ligature', 'https://ﬁ.example/', /read as "fi.example"/],
  ['a long s', 'https://\u017fhop.example/', /read as "shop.example"/],
  ['digits in circles', 'http://①②⑦.⓪.⓪.①/', /read as "127.0.0.1"/],
  ['a full stop of another script', 'https://クリーニング。example/', /read as "xn--/],
  ['an escape in a host beyond ASCII', 'https://b%C3%BCch\u00e9.example/', /read as "xn--/],
  ['an escape in the host', 'https://exa%6dple.com/', /read as "example.com"/],
  ['an address in another base', 'http://0x7f.1/', /read as "127.0.0.1"/],
  ['an address in one number', 'http://2130706433/', /read as "127.0.0.1"/],
  ['backslashes for the slashes', 'https:\\\\example.com\\a', /two slashes/],
  ['a backslash after the host', 'https://example.com\\@evil.example/', /backslash/],
  ['a backslash in the path', 'https://example.com/a\\b', /backslash/],
  ['no slash', 'https:example.com', /two slashes/],
  ['one slash', 'https:/example.com', /two slashes/],
  ['three slashes', 'https:///example.com', /two slashes/],
  ['an override of direction in the path', 'https://example.com/\u202efdp.exe', /U\+202E/],
  ['an isolate in the query', 'https://example.com/?a=\u2066', /U\+2066/],
  ['a zero-width joiner in the path', 'https://example.com/a\u200db', /U\+200D/],
  ['a no-break space', 'https://example.com/a\u00a0b', /U\+00A0/],
  ['a byte order mark', '\ufeffhttps://example.com/', /blank at one of its ends/],
  ['empty credentials', 'https://@example.com/', /credentials/],
  ['a step up', 'https://example.com/a/../b', /"\.\."/],
  ['a step up that is escaped', 'https://example.com/a/%2E./b', /"\.\."/],
  ['a step at the end', 'https://example.com/a/.?b', /"\."/],
])('%s would be read as something else', (_, url, fault) => {
  expect(findUrlFault(url)).toMatch(fault);
});

test('what a URL becomes once it is parsed is a URL that may be called', () => {
  for (const url of ['https://BÜCHER.example/a b/é?ü#ß', 'http://[0::1]/', 'https://example.com/|^`{}"'])
    expect(findUrlFault(new URL(url).href)).toBeUndefined();
});

test.each(['ftp://example.com/', 'ws://example.com/', 'file:///etc/passwd', 'unix:/run/docker.sock'])(
  '%s is of another scheme',
  (url) => {
    expect(findUrlFault(url)).toMatch(/is no http or https URL/);
  },
);
