import { expect, test } from '@jest/globals';
import type { JobRow } from '../../../../db/schema.ts';
import { resumption } from '../../../../scheduling/jobs/resumption.ts';

const UNTIL = new Date('2026-11-22T09:00:00Z');
const later = (ms: number) => new Date(UNTIL.getTime() + ms);
const since = (paused_until: Date | null, accounted_to: Date, now: Date) =>
  resumption({ paused_until, accounted_to } as JobRow, now).since;

test('a pause that ends before pause.until, or has none, ends now', () => {
  expect(since(null, later(-60_000), UNTIL)).toBeUndefined();
  expect(since(UNTIL, later(-60_000), later(-1))).toBeUndefined();
});

test('a pause whose pause.until has passed ended just before it, or after the last recorded occurrence', () => {
  expect(since(UNTIL, later(-60_000), UNTIL)).toEqual(later(-1));
  expect(since(UNTIL, later(-60_000), later(90_000))).toEqual(later(-1));
  expect(since(UNTIL, later(5_000), later(90_000))).toEqual(later(5_000));
});
