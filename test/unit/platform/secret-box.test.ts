import { expect, test } from '@jest/globals';
import { createSecretBox, parseSecretKeys } from '../../../platform/secret-box.ts';

const keyOf = (id: string, byte: number) => ({ id, key: Buffer.alloc(32, byte) });
const owner = { jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f', field: 'signing.secret' };
const box = createSecretBox([keyOf('new', 1), keyOf('old', 2)]);

test('decrypts what it encrypted, with a new nonce each time', () => {
  const sealed = box.seal(owner, 'sécret');
  expect(sealed.keyId).toBe('new');
  expect(box.open(owner, sealed)).toBe('sécret');
  expect(box.seal(owner, 'sécret').sealed).not.toBe(sealed.sealed);
});

test('decrypts secrets of an older key that it still has', () => {
  const sealed = createSecretBox([keyOf('old', 2)]).seal(owner, 'x');
  expect(box.open(owner, sealed)).toBe('x');
  expect(() => createSecretBox([keyOf('new', 1)]).open(owner, sealed)).toThrow(
    /key "old", which is not among/,
  );
  expect(() => createSecretBox([keyOf('old', 3)]).open(owner, sealed)).toThrow(
    /is not the one that encrypted it/,
  );
});

test('decrypts nothing that was changed, or moved to another job, field or key', () => {
  const sealed = box.seal(owner, 'a secret');
  const bytes = Buffer.from(sealed.sealed, 'base64');
  bytes[14] = (bytes[14] as number) ^ 1;
  const twins = createSecretBox([keyOf('new', 1), keyOf('twin', 1)]);
  for (const open of [
    () => box.open({ ...owner, jobId: 'another' }, sealed),
    () => box.open({ ...owner, field: 'headers.x' }, sealed),
    () => twins.open(owner, { ...sealed, keyId: 'twin' }),
    () => box.open(owner, { ...sealed, sealed: bytes.toString('base64') }),
    () => box.open(owner, { ...sealed, sealed: '' }),
    () => box.open(owner, { ...sealed, sealed: Buffer.alloc(20).toString('base64') }),
  ])
    expect(open).toThrow(/cannot be decrypted/);
});

test('does not encrypt without a key', () => {
  expect(() => createSecretBox([]).seal(owner, 'x')).toThrow(/SECRET_KEYS is not set/);
});

test('parses keys, and reports faults without showing keys', () => {
  const good = `a:${Buffer.alloc(32, 7).toString('base64')}`;
  expect(parseSecretKeys(`${good}, b:${Buffer.alloc(32, 255).toString('base64url')}`)).toMatchObject({
    keys: [{ id: 'a' }, { id: 'b' }],
    faults: [],
  });
  const { faults } = parseSecretKeys(`${good},${good},short:c2hvcnQ=,nothing`);
  expect(faults).toEqual([
    'two keys are named "a"',
    expect.stringMatching(/^key 3 must be/),
    expect.stringMatching(/^key 4 must be/),
  ]);
  expect(faults.join()).not.toMatch(/c2hv|nothing/);
});
