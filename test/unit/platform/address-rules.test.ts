import { describe, expect, test } from '@jest/globals';
import { findForbidden, parseAddressRules } from '../../../platform/address-rules.ts';
import { SPECIAL_RANGES } from '../../support/special-ranges.ts';

const rules = (text: string) => parseAddressRules(text).rules;
const isAllowed = (address: string, host: string, text: string) =>
  findForbidden(address, host, rules(text)) === undefined;

describe('the SSRF rules for addresses', () => {
  test.each(['93.184.216.34', '8.8.8.8', '2606:2800:220:1:248:1893:25c8:1946', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(findForbidden(address, 'example.com', [])).toBeUndefined();
    },
  );

  test.each(SPECIAL_RANGES)('$name ($first to $last) is not', ({ first, last, before, after }) => {
    for (const address of [first, last]) {
      expect([address, findForbidden(address, 'example.com', [])]).toEqual([
        address,
        expect.stringMatching(/not public/),
      ]);
    }
    for (const address of [before, after]) {
      if (address) expect([address, findForbidden(address, 'example.com', [])]).toEqual([address, undefined]);
    }
  });

  test('an IPv4-mapped IPv6 address is classified as the IPv4 one', () => {
    for (const { first, last, before, after } of SPECIAL_RANGES) {
      if (first.includes(':')) continue;
      expect(isAllowed(`::ffff:${first}`, 'x', 'none')).toBe(false);
      expect(isAllowed(`::FFFF:${last}`, 'x', 'none')).toBe(false);
      if (before) expect(isAllowed(`::ffff:${before}`, 'x', 'none')).toBe(true);
      if (after) expect(isAllowed(`::ffff:${after}`, 'x', 'none')).toBe(true);
    }
  });

  test.each(['', 'localhost', '127.1', '0x7f000001', '0177.0.0.1', '[::1]', '127.0.0.1:80'])(
    '%j is not an address',
    (text) => {
      expect(findForbidden(text, 'example.com', rules('0.0.0.0/0,::/0,example.com'))).toMatch(
        /is no IP address/,
      );
    },
  );
});

describe('the rules of an operator', () => {
  test('allow networks, single addresses and hosts', () => {
    const text = '10.0.0.0/8, 127.0.0.1,*.svc.cluster.local,localhost, fd12::/16';
    expect(isAllowed('10.200.0.1', 'x', text)).toBe(true);
    expect(isAllowed('::ffff:10.200.0.1', 'x', text)).toBe(true);
    expect(isAllowed('127.0.0.1', 'x', text)).toBe(true);
    expect(isAllowed('127.0.0.2', 'x', text)).toBe(false);
    expect(isAllowed('fd12:3::1', 'x', text)).toBe(true);
    expect(isAllowed('fd13::1', 'x', text)).toBe(false);
    expect(isAllowed('127.0.0.9', 'localhost', text)).toBe(true);
    expect(isAllowed('::1', 'localhost', text)).toBe(true);
  });

  test('match hosts in any case, with a trailing dot, and below a wildcard', () => {
    const text = '*.Svc.Cluster.Local,intranet';
    const allows = (host: string) => isAllowed('192.168.0.1', host, text);
    expect(allows('api.prod.svc.cluster.local')).toBe(true);
    expect(allows('API.svc.cluster.LOCAL.')).toBe(true);
    expect(allows('Intranet')).toBe(true);
    expect(allows('svc.cluster.local')).toBe(false);
    expect(allows('evil-svc.cluster.local')).toBe(false);
    expect(allows('api.svc.cluster.local.example.com')).toBe(false);
    expect(allows('www.intranet')).toBe(false);
    expect(allows('192.168.0.1')).toBe(false);
  });

  test.each([
    '169.254.169.254',
    '169.254.170.2',
    '::ffff:169.254.169.254',
    'fe80::a9fe:a9fe',
    '168.63.129.16',
    '100.100.100.200',
    'fd00:100::100:200',
    '192.0.0.192',
    'fd00:c1::a9fe:a9fe',
    'fd00:ec2::254',
    'fd00:ec2::23',
    'fd20:ce::254',
    'fd00:42::42',
    'fd00:a9fe:a9fe::1',
    // Embedded in other addresses.
    '::169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001::5601:5601',
  ])(
    'a rule for a host does not allow the metadata service at %s, a rule for its network does',
    (address) => {
      const host = 'metadata.google.internal';
      expect(findForbidden(address, host, rules('*.internal,metadata.google.internal'))).toMatch(
        /not public .* an operator can allow its network with HTTP_TARGET_ALLOW/,
      );
      expect(isAllowed(address, host, address)).toBe(true);
      expect(isAllowed(address, host, `*.internal,${address}/${address.includes(':') ? 112 : 16}`)).toBe(
        true,
      );
    },
  );

  test('an IPv4-mapped network is the IPv4 one', () => {
    expect(isAllowed('10.1.2.3', 'x', '::ffff:10.0.0.0/104')).toBe(true);
    expect(isAllowed('127.0.0.1', 'x', '::ffff:10.0.0.0/104')).toBe(false);
    expect(isAllowed('127.0.0.1', 'x', '::ffff:127.0.0.1')).toBe(true);
    expect(isAllowed('127.0.0.2', 'x', '::ffff:7f00:1')).toBe(false);
    expect(isAllowed('127.0.0.2', 'x', '::ffff:0:0/96')).toBe(true);
    expect(isAllowed('127.0.0.1', 'x', '::/0')).toBe(false);
  });

  test.each([
    '10/8',
    '10.0/8',
    '127.1',
    '0177.0.0.1',
    '0x7f.0.0.1/32',
    '2130706433',
    '*.1',
    'example.0x1',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '::ffff:0:0/95',
    '[::1]',
    '*',
    '*.*.internal',
    'a..b',
    'http://localhost',
    'localhost:80',
    'localhost/8',
  ])('%s is refused with a message', (entry) => {
    expect(parseAddressRules(`localhost,${entry}`)).toEqual({
      rules: [{ kind: 'host', pattern: 'localhost' }],
      faults: [expect.stringMatching(/is no address, network \(10\.0\.0\.0\/8\) or host/)],
    });
  });
});
