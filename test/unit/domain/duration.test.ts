import { describe, expect, test } from '@jest/globals';
import { formatDuration, parseDuration } from '../../../domain/duration.ts';

describe('durations', () => {
  test.each([
    ['30s', 30_000],
    ['15m', 900_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['250ms', 250],
    ['0s', 0],
    ['90m', 5_400_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '5', '-5m', '5 parsecs', '5 m', '1.5h', 'm', '5M', 'PT5M', '5m ', '9'.repeat(100)])(
    '%j is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  test.each([
    [5_400_000, '1h30m'],
    [172_800_000, '2d'],
    [250, '250ms'],
    [0, '0s'],
    [86_401_000, '1d1s'],
  ])('%d ms is written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(parseDuration(text)).toBe(ms);
  });
});
