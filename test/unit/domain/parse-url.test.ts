import { expect, test } from '@jest/globals';
import { parseUrl } from '../../../domain/parse-url.ts';

test('parses, relative to a base if there is one', () => {
  expect(parseUrl('https://example.com/a')?.pathname).toBe('/a');
  expect(parseUrl('b', 'https://example.com/a/')?.href).toBe('https://example.com/a/b');
  expect(parseUrl('b')).toBeUndefined();
});

test('still accepts hosts beyond ASCII after many calls, unlike URL.canParse of Node 20', () => {
  for (let count = 0; count < 20_000; count++)
    if (!parseUrl('https://bücher.example/')) throw new Error(`refused at call ${count}`);
});
