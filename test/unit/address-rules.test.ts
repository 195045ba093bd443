import { describe, expect, test } from '@jest/globals';
import { findForbidden, parseAddressRules } from '../../platform/address-rules.ts';

const rules = (text: string) => parseAddressRules(text).rules;

describe('which addresses may be called', () => {
  test.each(['93.184.216.34', '8.8.8.8', '2606:2800:220:1:248:1893:25c8:1946'])('%s is public', (address) => {
    expect(findForbidden(address, 'example.com', [])).toBeUndefined();
  });

  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '168.63.129.16',
    '100.64.0.1',
    '0.0.0.0',
    '255.255.255.255',
    '224.0.0.1',
    '192.0.2.1',
    '::1',
    '::',
    'fe80::1',
    'fd00::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
  ])('%s is not', (address) => {
    expect(findForbidden(address, 'example.com', [])).toMatch(/not public/);
  });

  test('an operator allows networks, single addresses and hosts', () => {
    const allowed = rules('10.0.0.0/8, 127.0.0.1,*.svc.cluster.local,localhost');
    expect(findForbidden('10.200.0.1', 'x', allowed)).toBeUndefined();
    expect(findForbidden('127.0.0.1', 'x', allowed)).toBeUndefined();
    expect(findForbidden('127.0.0.2', 'x', allowed)).toBeDefined();
    expect(findForbidden('192.168.0.1', 'api.prod.svc.cluster.local', allowed)).toBeUndefined();
    expect(findForbidden('192.168.0.1', 'evil-svc.cluster.local', allowed)).toBeDefined();
    expect(findForbidden('127.0.0.9', 'localhost', allowed)).toBeUndefined();
  });
});
