import { describe, expect, test } from '@jest/globals';
import { readConfig } from '../../../platform/config.ts';
import { findProxy, parseProxyExceptions } from '../../../platform/outbound-proxy.ts';

const read = (variables: Record<string, string>) =>
  readConfig({ DATABASE_URL: 'postgres://db/x', TEMPORAL_ADDRESS: 'temporal:7233', ...variables });
const hostOf = (url: string, variables: Record<string, string>) =>
  findProxy(new URL(url), read(variables))?.host;

describe('the proxy of a URL', () => {
  const both = { HTTPS_PROXY: 'http://secure:3128', HTTP_PROXY: 'plain:8080' };
  test('is that of its scheme, from the variable in upper or lower case; upper case wins', () => {
    expect(hostOf('https://example.com/', both)).toBe('secure');
    expect(hostOf('http://example.com/', both)).toBe('plain');
    expect(hostOf('http://example.com/', { HTTPS_PROXY: 'secure:1' })).toBeUndefined();
    expect(hostOf('https://example.com/', { https_proxy: 'lower:1', HTTPS_PROXY: 'upper:1' })).toBe('upper');
    expect(hostOf('https://example.com/', { https_proxy: 'lower:1', HTTPS_PROXY: '' })).toBe('lower');
    expect(hostOf('http://example.com/', { http_proxy: 'lower:1' })).toBe('lower');
    expect(hostOf('http://example.com/', { ...both, no_proxy: 'example.com' })).toBeUndefined();
    expect(hostOf('http://example.com/', {})).toBeUndefined();
  });

  test.each([
    ['http://proxy.example', { isSecure: false, host: 'proxy.example', port: 80 }],
    ['https://proxy.example/', { isSecure: true, host: 'proxy.example', port: 443 }],
    ['10.0.0.1:3128', { isSecure: false, host: '10.0.0.1', port: 3128 }],
    ['http://[fd00::1]:3128', { isSecure: false, host: 'fd00::1', port: 3128 }],
    [
      'http://us%40er:p%2Fss%C3%A4@proxy.example:1',
      { port: 1, authorization: `Basic ${Buffer.from('us@er:p/ssä').toString('base64')}` },
    ],
    ['http://user@proxy.example:1', { authorization: `Basic ${Buffer.from('user:').toString('base64')}` }],
  ])('parses %s', (text, proxy) => {
    expect(read({ HTTPS_PROXY: text }).HTTPS_PROXY).toMatchObject({ variable: 'HTTPS_PROXY', ...proxy });
  });

  test.each([
    ['socks5://user:secret@proxy:1080', 'must be an http or https proxy'],
    ['http://user:se#secret@proxy:3128', 'must be such as|must end with the port'],
    ['http://user:12/secret@proxy:3128', 'must be such as|must end with the port'],
    ['http://user:%secret@proxy:3128', 'has a % in its name or password'],
    ['http://secret secret:3128', 'must be such as'],
    ['http://user:secret@proxy:99999', 'must be such as'],
    ['http://user:secret@', 'must be such as'],
  ])('refuses %s without showing it', (text, words) => {
    for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy']) {
      const start = () => read({ [name]: text });
      expect(start).toThrow(
        new RegExp(`^The configuration is not valid:\n  ${name.toUpperCase()}: (${words})[^\n]*$`),
      );
      expect(start).not.toThrow(/secret/);
    }
  });
});

// The first cases are from golang.org/x/net/http/httpproxy, the others from its documentation and curl's.
test.each<[noProxy: string, without: string[], through: string[]]>([
  [
    'foobar.com, .barbaz.net',
    ['foobar.com', 'www.foobar.com', 'x.barbaz.net'],
    ['foofoobar.com', 'barbaz.net', 'barbaz.com'],
  ],
  [
    '192.168.1.1, 192.168.1.2:81',
    ['192.168.1.1', '192.168.1.2:81'],
    ['192.168.1.2:80', '192.168.1.3', '192.168.1.2'],
  ],
  [
    '192.168.1.0/24 10.0.0.0/8',
    ['192.168.1.1', '10.255.0.1', '10.1', '[::ffff:10.0.0.1]'],
    ['192.168.2.1', 'ten.example'],
  ],
  ['::1/128,fe80::/10,2001:db8::52:0:1', ['[2001:db8::52:0:1]', '[fe80::1]'], ['[2001:db8::52:0:2]']],
  ['[2001:db8::1]:8080,[2001:db8::2]', ['[2001:db8::1]:8080', '[2001:db8::2]:1'], ['[2001:db8::1]']],
  ['*.example.com', ['a.example.com', 'a.b.example.com'], ['example.com', 'aexample.com']],
  ['EXAMPLE.com.:8443', ['example.com:8443', 'a.Example.COM.:8443'], ['example.com', 'a.example.com:443']],
  ['svc,cluster.local:80', ['svc', 'a.svc', 'x.cluster.local'], ['x.cluster.local:81', 'svc.example']],
  ['*', ['example.com', '8.8.8.8'], []],
  ['example.org,*', ['example.com'], []],
  [' , ,', [], ['example.com']],
])('NO_PROXY=%s', (noProxy, without, through) => {
  const proxied = (host: string) =>
    hostOf(`http://${host}/`, { HTTP_PROXY: 'proxy:1', NO_PROXY: noProxy }) === 'proxy';
  expect(without.filter(proxied)).toEqual([]);
  expect(through.filter((host) => !proxied(host))).toEqual([]);
});

test.each([
  '<local>',
  '192.168.*',
  '10.0.0.0/33',
  '10/8',
  'http://example.com',
  'a*b',
  '[::1',
  '10.0.0.0/8:80',
  'example.com:x',
  '*.*.x',
])('NO_PROXY=%s is refused rather than ignored', (entry) => {
  expect(parseProxyExceptions(`example.com,${entry}`).faults).toEqual([
    expect.stringContaining(JSON.stringify(entry)),
  ]);
  expect(() => read({ NO_PROXY: entry })).toThrow('NO_PROXY: ');
});
