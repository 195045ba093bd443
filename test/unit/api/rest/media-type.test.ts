import { expect, test } from '@jest/globals';
import { parseMediaType } from '../../../../api/rest/media-type.ts';

test.each([
  ['application/json', []],
  ['Application/JSON ', []],
  ['application/json;', []],
  ['application/json ; ;', []],
  ['application/json; charset=utf-8', ['charset', 'utf-8']],
  ['application/json;CHARSET=UTF-8 ;', ['charset', 'UTF-8']],
  ['application/json; charset="utf-8"', ['charset', 'utf-8']],
  ['application/json; a="x;\\"y"; charset="ut\\f-8"', ['a', 'x;"y', 'charset', 'utf-8']],
  ['application/json; charset=""', ['charset', '']],
  ['application/json; charset=utf-8; charset=utf-16;', ['charset', 'utf-8', 'charset', 'utf-16']],
])('parses %s', (header, parameters) => {
  const read = parseMediaType(header);
  expect(read?.type).toBe('application/json');
  expect(read?.parameters.flatMap(({ name, value }) => [name, value])).toEqual(parameters);
});

test.each([
  '',
  'application',
  'application/json/x',
  'application/json charset=utf-8',
  'application/json; charset=',
  'application/json; charset',
  'application/json; charset =utf-8',
  'application/json; charset="utf-8',
  'application/json; charset=utf-8 x',
  'application/json, text/plain',
  'appli cation/json',
  `application/json${';  '.repeat(20_000)}=`,
])('rejects %j', (header) => {
  expect(parseMediaType(header)).toBeUndefined();
});
