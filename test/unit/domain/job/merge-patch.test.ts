import { describe, expect, test } from '@jest/globals';
import { mergePatch } from '../../../../domain/job/merge-patch.ts';

describe('a JSON merge patch', () => {
  // RFC 7396, appendix A, row by row.
  test.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('%s and %s give %s', (target, patch, result) => {
    expect(JSON.stringify(mergePatch(JSON.parse(target), JSON.parse(patch)))).toBe(result);
  });

  test('changes neither of its arguments', () => {
    const target = { a: { b: 1 } };
    const patch = { a: { c: 2 }, d: null };
    expect(mergePatch(target, patch)).toEqual({ a: { b: 1, c: 2 } });
    expect(target).toEqual({ a: { b: 1 } });
    expect(patch).toEqual({ a: { c: 2 }, d: null });
  });

  test('keeps the order of members, and puts new ones last', () => {
    expect(JSON.stringify(mergePatch({ z: 1, a: 2 }, { b: 3, z: 4 }))).toBe('{"z":4,"a":2,"b":3}');
  });

  test.each(['{"__proto__":{"admin":true}}', '{"a":{"__proto__":{"admin":true}}}'])(
    '%s reaches no prototype',
    (patch) => {
      const result = mergePatch({ a: {} }, JSON.parse(patch)) as { a: object; admin?: boolean };
      expect(JSON.stringify(result)).toBe('{"a":{}}');
      expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
      expect(Object.getPrototypeOf(result.a)).toBe(Object.prototype);
      expect(({} as { admin?: boolean }).admin).toBeUndefined();
    },
  );

  test('takes "constructor" for a member like any other', () => {
    const result = mergePatch({}, JSON.parse('{"constructor":{"prototype":{"admin":true}}}'));
    expect(JSON.stringify(result)).toBe('{"constructor":{"prototype":{"admin":true}}}');
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
