import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import { excerptOf } from '../../../../activities/call/response-excerpt.ts';
import { findUnstorable } from '../../../../domain/text.ts';

// The excerpt of a response: its beginning as text, or words that say why there is none.

const MIB = 1_024 * 1_024;

async function excerpt(
  body: Buffer | string,
  headers: Record<string, string | string[]> = {},
  { secrets = [], fault }: { secrets?: string[]; fault?: Error } = {},
) {
  const answer = { statusCode: 200, headers, body: Buffer.from(body), ...(fault ? { fault } : {}) };
  const text = await excerptOf(answer, secrets);
  expect(findUnstorable(text)).toBeUndefined();
  expect(text.length).toBeLessThanOrEqual(1_024);
  return text;
}

const encoded = (encoding: string | string[], type = 'text/plain') => ({
  'content-type': type,
  'content-encoding': encoding,
});

describe('Content-Encoding', () => {
  const text = 'über all 😀';
  test.each<[string | string[], Buffer]>([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity', Buffer.from(text)],
    ['', Buffer.from(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
    [['deflate', 'gzip'], gzipSync(deflateSync(text))],
    ['br,identity ,br,deflate', deflateRawSync(brotliCompressSync(brotliCompressSync(text)))],
    ['gzip', Buffer.concat([gzipSync('über '), gzipSync('all 😀')])],
  ])('%j is decoded', async (encoding, body) => {
    expect(await excerpt(body, encoded(encoding))).toBe(text);
  });

  const long = Array.from({ length: 2_000 }, (_, index) => `${index * 7919}`).join(' ');
  test.each([
    ['gzip', gzipSync(long)],
    ['deflate', deflateSync(long)],
    ['deflate', deflateRawSync(long)],
    ['br', brotliCompressSync(long)],
    ['gzip, gzip', gzipSync(gzipSync(long))],
  ])('%s that is cut off is decoded as far as it goes', async (encoding, body) => {
    const whole = await excerpt(body, encoded(encoding));
    expect(whole).toBe(long.slice(0, 1_024));
    const half = await excerpt(body.subarray(0, 300), encoded(encoding), { fault: new Error('cut off') });
    expect(half.length).toBeGreaterThan(50);
    expect(long.startsWith(half)).toBe(true);
    expect(await excerpt(body.subarray(0, 1), encoded(encoding))).toBe('');
    expect(await excerpt('', encoded(encoding))).toBe('');
  });

  test.each([
    ['gzip', gzipSync(Buffer.alloc(64 * MIB, 'x'))],
    ['br', brotliCompressSync(Buffer.alloc(64 * MIB, 'x'))],
    ['gzip, gzip', gzipSync(gzipSync(Buffer.alloc(64 * MIB, 'x')))],
  ])('a decompression bomb of %s is decoded only as far as it is kept', async (encoding, bomb) => {
    const before = process.memoryUsage().rss;
    // Twenty at a time: on a busy machine, a hundred together would take longer than decoding may take.
    for (let round = 0; round < 5; round++) {
      const many = Array.from({ length: 20 }, () => excerpt(bomb.subarray(0, 65_536), encoded(encoding)));
      expect(new Set(await Promise.all(many))).toEqual(new Set(['x'.repeat(1_024)]));
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  });

  test.each([
    ['zstd', '(4 bytes of text/plain, encoded as "zstd", which can\'t be read here)'],
    ['compress', '(4 bytes of text/plain, encoded as "compress", which can\'t be read here)'],
    ['constructor', '(4 bytes of text/plain, encoded as "constructor", which can\'t be read here)'],
    ['gzip', '(4 bytes of text/plain, encoded as "gzip", which can\'t be decoded: incorrect header check)'],
    ['gzip,gzip,gzip,gzip,gzip,gzip', '(4 bytes of text/plain, encoded more than 5 times)'],
  ])('%s that cannot be decoded is described in words', async (encoding, words) => {
    expect(await excerpt('text', encoded(encoding))).toBe(words);
  });

  test('a length is formatted for people, and says so if it is unknown', async () => {
    expect(await excerpt(Buffer.alloc(4_096), { 'content-encoding': 'zstd' })).toBe(
      '(4,096 bytes, encoded as "zstd", which can\'t be read here)',
    );
    expect(await excerpt(Buffer.alloc(65_536), { 'content-type': 'image/png' })).toBe(
      '(65,536 bytes or more of image/png)',
    );
    expect(await excerpt('x', { 'content-type': 'video/mp4' })).toBe('(1 byte of video/mp4)');
  });
});

describe('the charset', () => {
  test.each<[string | undefined, Buffer, string]>([
    ['text/plain; charset=iso-8859-1', Buffer.from('f\xfcr', 'latin1'), 'für'],
    ['text/plain; charset="ISO-8859-15"', Buffer.from('5 \xa4', 'latin1'), '5 €'],
    ["text/plain;Charset='windows-1252'", Buffer.from('\x80\x8b\x8c\x99\x9b\x9f\xff', 'latin1'), '€‹Œ™›Ÿÿ'],
    ['text/plain; format=flowed; charset=UTF-8', Buffer.from('für'), 'für'],
    ['text/plain; charset=us-ascii', Buffer.from('fur'), 'fur'],
    ['text/plain; charset=utf-16', Buffer.from('für', 'utf16le'), 'für'],
    ['text/plain; charset=utf-16be', Buffer.from('für', 'utf16le').swap16(), 'für'],
    ['text/plain; charset=utf-16', Buffer.from('\ufefffür', 'utf16le').swap16(), 'für'],
    ['text/plain; charset=shift_jis', Buffer.from('8ac48db8', 'hex'), '監査'],
    ['application/json', Buffer.from('\ufeff{}'), '{}'],
    [undefined, Buffer.from('\ufefffür', 'utf16le'), 'für'],
    ['text/plain; charset=iso-8859-1', Buffer.from('\ufefffür'), 'für'],
    ['text/plain', Buffer.from('f\xfcr', 'latin1'), 'f\ufffdr'],
    ['text/plain; charset=utf-16', Buffer.from('a\ud83d', 'utf16le'), 'a\ufffd'],
    ['text/plain', Buffer.from('a\0b'), 'a\ufffdb'],
    [
      'text/plain; charset=utf-7',
      Buffer.from('text'),
      '(4 bytes of text/plain in the charset "utf-7", which can\'t be read here)',
    ],
    ['application/octet-stream; charset=utf-16', Buffer.from('für', 'utf16le'), 'für'],
  ])('of %j is respected', async (type, body, text) => {
    expect(await excerpt(body, type === undefined ? {} : { 'content-type': type })).toBe(text);
  });

  test('is that of the decoded content', async () => {
    const body = gzipSync(Buffer.from('für', 'utf16le'));
    expect(await excerpt(body, encoded('gzip', 'application/json; charset=utf-16le'))).toBe('für');
  });
});

describe('a response that is no text', () => {
  const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
  test.each<[string | undefined, Buffer | string, string]>([
    ['image/png', PNG, '(16 bytes of image/png)'],
    ['Image/PNG; x=y', PNG, '(16 bytes of image/png)'],
    ['application/octet-stream', PNG, '(16 bytes of application/octet-stream)'],
    ['application/x-protobuf', '\x08\x01', '(2 bytes of application/x-protobuf)'],
    [undefined, PNG, '(16 bytes that are no text)'],
    ['no type at all', PNG, '(16 bytes that are no text)'],
    ['image/svg+xml', '<svg/>', '<svg/>'],
    ['application/problem+json', '{"a":1}', '{"a":1}'],
    ['application/octet-stream', 'für', 'für'],
    ['application/x-ndjson', '{}\n{}\n', '{}\n{}\n'],
    ['application/x-www-form-urlencoded', 'a=%20', 'a=%20'],
    [undefined, 'für', 'für'],
    ['no type at all', 'für', 'für'],
  ])('of type %j is told from text', async (type, body, text) => {
    expect(await excerpt(body, type === undefined ? {} : { 'content-type': type })).toBe(text);
  });

  test('is recognized after decoding', async () => {
    expect(await excerpt(gzipSync(PNG), { 'content-encoding': 'gzip' })).toMatch(
      /^\(\d+ bytes that are no text\)$/,
    );
    expect(await excerpt(gzipSync('text'), { 'content-encoding': 'gzip' })).toBe('text');
  });
});

describe('a secret', () => {
  const secret = 'Bearer abcdefghijklmnop-ü';
  const secrets = [secret];
  const said = (
    written: Buffer | string,
    headers: Record<string, string> = {},
    more: { fault?: Error } = {},
  ) => excerpt(written, { 'content-type': 'text/plain', ...headers }, { secrets, ...more });

  test('is found after each encoding and charset', async () => {
    for (const [body, headers] of [
      [gzipSync(secret), encoded('gzip')],
      [brotliCompressSync(secret), encoded('br')],
      [Buffer.from(secret, 'utf16le'), { 'content-type': 'text/plain; charset=utf-16' }],
      [Buffer.from(secret, 'latin1'), { 'content-type': 'text/plain; charset=iso-8859-1' }],
    ] as [Buffer, Record<string, string>][])
      expect(await said(body, headers)).toBe('[secret]');
  });

  test('is found even if the charset is wrong', async () => {
    const shown = await said(Buffer.from(`x: ${secret}`, 'latin1'), {
      'content-type': 'text/plain; charset=utf-16',
    });
    expect(Buffer.from(shown, 'utf16le').toString('latin1')).not.toContain('abcdefgh');
  });

  test('is redacted even if the end of the excerpt cuts it off', async () => {
    const fault = new Error('cut off');
    expect(await said(`x: ${secret.slice(0, 15)}`, {}, { fault })).toBe('x: [secret]');
    expect(await said(`x: ${secret.slice(7, 15)}`, {}, { fault })).toBe('x: [secret]');
    expect(await said('x: bea', {}, { fault })).toBe('x: bea');
    const long = 'long-secret-'.repeat(600);
    const cut = Buffer.from(long.repeat(10)).subarray(0, 65_536);
    expect(await excerpt(cut, {}, { secrets: [long] })).toBe('[secret]'.repeat(10));
    expect(await excerpt(gzipSync(long.repeat(10)), encoded('gzip'), { secrets: [long] })).toBe(
      '[secret]'.repeat(10),
    );
  });

  test('is redacted from the words about a response that is no text', async () => {
    const headers = { 'content-type': 'application/abcdefgh', 'content-encoding': 'ABCDEFGH' };
    const shown = await excerpt('x', headers, { secrets: ['abcdefgh'] });
    expect(shown).toBe('(1 byte of application/[secret], encoded as "[secret]", which can\'t be read here)');
  });
});
