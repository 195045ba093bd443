import { describe, expect, test } from '@jest/globals';
import { findNumberFault } from '../../../../api/rest/number-fault.ts';
import { readJson } from '../../../../api/rest/read-json.ts';
import type { SchedulerError } from '../../../../domain/errors.ts';

const read = (text: string) => readJson(Buffer.from(text));

function refusalOf(text: string | Uint8Array): SchedulerError {
  try {
    readJson(Buffer.from(text as string));
  } catch (error) {
    return error as SchedulerError;
  }
  throw new Error(`${String(text)} was read`);
}

describe('a number', () => {
  test.each([
    '0',
    '-0',
    '9007199254740991',
    '9007199254740992',
    '18014398509481984',
    '0.1',
    '0.10000000000000001',
    '3.141592653589793',
    '3.1415926535897931',
    '1e23',
    '1E+2',
    '1.50',
    '1e308',
    '5e-324',
    '1.7976931348623157e308',
    '100000000000000000000',
    '0e999999',
  ])('%s is kept', (literal) => {
    expect(findNumberFault(literal)).toBeUndefined();
  });

  test.each([
    ['9007199254740993', /rounded to 9007199254740992/],
    ['-9007199254740993', /rounded to -9007199254740992/],
    ['9007199254740993.0', /rounded/],
    ['9007199254740993e0', /rounded/],
    ['900719925474099.3e1', /rounded/],
    ['18446744073709551615', /rounded/],
    ['1e309', /out of range/],
    ['-1e400', /out of range/],
    ['1e-400', /rounded to 0/],
    ['2e-324', /rounded/],
    ['3.14159265358979323846', /rounded to 3.141592653589793/],
    ['0.1000000000000000055511151231257827', /rounded/],
    [`1${'0'.repeat(120)}1`, /too long/],
  ])('%s is refused', (literal, message) => {
    expect(findNumberFault(literal)).toMatch(message);
  });
});

describe('a JSON text', () => {
  test('may begin with a byte order mark', () => {
    expect(read('\ufeff{"a":"ü"}')).toEqual({ a: 'ü' });
  });

  test.each([
    ['{"a":1,"a":1}', 'a', 'duplicate_key'],
    ['{"a":{"b":[0,{"c":1,"\\u0063":2}]}}', 'a.b[1].c', 'duplicate_key'],
    ['{"a b":1,"a b":2}', '["a b"]', 'duplicate_key'],
    ['{"__proto__":1}', '__proto__', 'forbidden_key'],
    ['{"a":{"constructor":{"prototype":{}}}}', 'a.constructor.prototype', 'forbidden_key'],
    ['{"a":["\\u0000"]}', 'a[0]', 'not_text'],
    ['{"a":"\\ud83d"}', 'a', 'not_text'],
    ['{"\\u0000":1}', '["\\u0000"]', 'not_text'],
    ['{"a":1,"b\\ud800":1}', '["b\\ud800"]', 'not_text'],
    ['{"":1,"":2}', '[""]', 'duplicate_key'],
    ['{"a":1,"b":2,"a":3}', 'a', 'duplicate_key'],
    ['{"a\\\\":1,"a\\"":2,"a\\\\":3}', '["a\\\\"]', 'duplicate_key'],
    [' [ "\\\\" , "\\"" ,\n{ "x" : [ true , false,null , -1.5e+3 ,\t1e999 ] } ] ', '[2].x[4]', 'not_exact'],
    ['[[],{},[{}],1e999]', '[3]', 'not_exact'],
    ['9007199254740993', '', 'not_exact'],
  ])('%s is refused at %j', (text, path, code) => {
    expect(refusalOf(text)).toMatchObject({ code: 'invalid', errors: [{ path, code }] });
  });

  test('names all faults at once', () => {
    expect(refusalOf('{"a":1e999,"b":{"c":1,"c":2},"d":"\\u0000"}').errors.map(({ path }) => path)).toEqual([
      'a',
      'b.c',
      'd',
    ]);
  });

  test('the same name in two objects is no duplicate', () => {
    expect(read('[{"a":1},{"a":2},{"a":{"a":3}}]')).toEqual([{ a: 1 }, { a: 2 }, { a: { a: 3 } }]);
  });

  test.each([[[0x22, 0xe9, 0x22]], [[0x22, 0xc0, 0xaf, 0x22]], [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]]])(
    'the bytes %j are not UTF-8',
    (bytes) => {
      expect(refusalOf(new Uint8Array(bytes))).toMatchObject({ code: 'not_json' });
    },
  );

  test('is not quoted in the error', () => {
    expect(refusalOf('{"secret": hunter2}').message).not.toMatch(/hunter/);
  });

  test('with commas, braces, quotes and escapes in its strings is read', () => {
    const text = String.raw`{"a,b":"},{\"x\":1e999","c\\":["\\","]","\u00e9","\ud83d\ude00"],"\"":{"a,b":":"}}`;
    expect(read(text)).toEqual(JSON.parse(text));
  });

  test('is read with any whitespace', () => {
    const value = { a: [1, [], {}, [[2]], 'x'], b: { c: null, d: true, e: { a: -0.5 } } };
    expect(read(JSON.stringify(value, null, 3).replaceAll('\n', '\r\n\t'))).toEqual(value);
  });

  test.each([
    ['lists', '['.repeat(33), ']'.repeat(33)],
    ['objects', '{"a":'.repeat(32), '}'.repeat(32)],
  ])('%s may be 32 levels deep', (_, before, after) => {
    const middle = before.startsWith('[') ? '' : '1';
    expect(read(before + middle + after)).toBeDefined();
  });

  test.each([
    ['[1e999,' + '['.repeat(32) + '1' + ']'.repeat(33), ['[0]', '[1]' + '[0]'.repeat(32)]],
    ['{"args":' + '{"a":'.repeat(32) + 'true' + '}'.repeat(33), ['args' + '.a'.repeat(32)]],
    ['{"' + 'x'.repeat(500) + '":' + '['.repeat(33) + ']'.repeat(33) + '}', ['x'.repeat(200)]],
  ])('with deeper nesting is refused at the path that exceeds the limit', (text, paths) => {
    const { errors } = refusalOf(text);
    expect(errors.map(({ path }) => path)).toEqual(paths);
    expect(errors.at(-1)?.code).toBe('too_deep');
  });

  test('with very deep nesting is refused', () => {
    expect(refusalOf('['.repeat(100_000) + ']'.repeat(100_000)).errors[0]?.code).toBe('too_deep');
  });

  test('lists fifty faults at most', () => {
    expect(refusalOf(`[${Array.from({ length: 500 }, () => '1e999').join()}]`).errors).toHaveLength(50);
  });

  // Not absolute time: four times the text must not take sixteen times as long.
  test.each([
    [
      'numbers that are nearly too long',
      (count: number) => `[${Array(count).fill('0.10000000000000001').join()}]`,
    ],
    ['names', (count: number) => `{${Array.from({ length: count }, (_, index) => `"n${index}":1`).join()}}`],
    ['backslashes', (count: number) => JSON.stringify('\\'.repeat(count * 5))],
    ['quotes', (count: number) => JSON.stringify('"'.repeat(count * 5))],
    [
      'brackets',
      (count: number) =>
        `[${Array(count * 2)
          .fill('[[]]')
          .join()}]`,
    ],
  ])('with many %s takes linear time', (_, make) => {
    const [short, long] = [make(5_000), make(20_000)];
    read(short);
    const cost = (text: string) =>
      Math.min(
        ...[1, 2, 3].map(() => {
          const before = process.cpuUsage();
          read(text);
          const { user, system } = process.cpuUsage(before);
          return user + system;
        }),
      );
    expect(cost(long)).toBeLessThan(10 * cost(short) + 100_000);
  });
});
