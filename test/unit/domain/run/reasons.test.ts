import { describe, expect, test } from '@jest/globals';
import { ReasonCode, reasonCodeOf, reasonFor } from '../../../../domain/run/reasons.ts';

test.each(ReasonCode.options)('%s has words for people, and others can stand beside it', (code) => {
  expect(reasonFor(code)).toEqual({ reasonCode: code, reason: expect.stringMatching(/^\S.*\S$/) });
  expect(reasonFor(code, 'more words')).toEqual({ reasonCode: code, reason: 'more words' });
});

test('every code is described in the document', () => {
  const { description } = ReasonCode.meta() ?? {};
  for (const code of ReasonCode.options) expect(description).toContain(`\`${code}\`: `);
});

describe('the code of a stored run', () => {
  const stored = { state: 'skipped', reason: 'overlap: …', reasonCode: 'overlap' } as const;

  test('is the stored one', () => expect(reasonCodeOf(stored)).toBe('overlap'));

  test.each([
    ['without a reason', { reason: null }],
    ['recorded by an earlier version', { reasonCode: null }],
    ['recorded as an event of an earlier version', { reasonCode: undefined }],
    ['recorded by a later version', { reasonCode: 'tiredOfLife' }],
    ['whose words an earlier version changed when it ended', { state: 'succeeded' as const }],
  ])('is null for a run %s', (_, difference) =>
    expect(reasonCodeOf({ ...stored, ...difference })).toBeNull(),
  );
});
