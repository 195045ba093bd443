import { describe, expect, test } from '@jest/globals';
import { JobInput, JobName } from '../../../domain/job/job.ts';

describe('a name', () => {
  test.each([
    ['plain', 'weekly report'],
    ['with accents', 'Grüße'],
    ['in Japanese', '週報'],
    ['in Arabic', 'تقرير'],
    ['with an emoji', 'deploy 🚀'],
    ['with an emoji of two code points', 'careful ⚠️'],
  ])('%s is kept', (_, text) => {
    expect(JobName.parse(text)).toBe(text);
  });

  test('is stored composed, so that one that looks the same is the same', () => {
    expect(JobName.parse('cafe\u0301')).toBe('caf\u00e9');
    expect(JobName.parse('\u212b')).toBe('\u00c5');
  });

  test.each([
    ['blanks only', '  ', /blank/],
    ['a blank at its end', 'a ', /blank/],
    ['an ideographic space', 'a\u3000b', /U\+0020/],
    ['a right-to-left override', 'a\u202eb', /U\+202E/],
    ['an isolate', 'a\u2066b', /U\+2066/],
    ['a mark of direction', 'a\u200eb', /U\+200E/],
    ['a zero-width joiner', 'a\u200db', /U\+200D/],
    ['a word joiner', 'a\u2060b', /U\+2060/],
    ['a byte order mark within', 'a\ufeffb', /U\+FEFF/],
    ['a soft hyphen', 'a\u00adb', /U\+00AD/],
    ['a Hangul filler', 'a\u3164b', /U\+3164/],
    ['a variation selector after a letter', 'a\ufe0fb', /U\+FE0F/],
    ['a Braille blank', '\u2800', /U\+2800/],
    ['a private character', 'a\ue000', /U\+E000/],
    ['a lone combining mark', '\u0301a', /combining/],
    ['a normal form that is too long', '\u0958'.repeat(150), /normal form/],
    ['a tag', 'a\u{e0041}b', /U\+E0041/],
    ['a line separator', 'a\u2028b', /U\+2028/],
    ['a tab', 'a\tb', /control characters/],
  ])('with %s is refused', (_, text, message) => {
    const result = JobName.safeParse(text);
    expect(result.error?.issues[0]?.message).toMatch(message);
  });
});

/** What is wrong with a job that is good but for these fields. */
function faultsOf(fields: object) {
  const target = { type: 'http', url: 'https://example.com/' };
  const result = JobInput.safeParse({ name: 'x', schedule: { every: '1h' }, target, ...fields });
  return result.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join() ?? '';
}

describe('a description', () => {
  test.each(['two\nlines\r\n\tand a tab', 'in العربية\u200f, with a mark', 'family 👨\u200d👩\u200d👧', ''])(
    '%j is kept',
    (description) => {
      expect(faultsOf({ description })).toBe('');
    },
  );

  test.each(['a\u202eb', 'a\u202a', '\u2066a', 'a\u2069b', 'red \u001b[31m', 'bell \u0007', 'a\u009bb'])(
    '%j is refused',
    (description) => {
      expect(faultsOf({ description })).toMatch(/^description: .*direction of text/);
    },
  );
});

describe('a text of one line', () => {
  const target = { type: 'workflow', workflowType: 'makeReport', taskQueue: 'reports' };

  test.each([
    ['a comment of a calendar', (text: string) => ({ schedule: { calendar: [{ hour: 9, comment: text }] } })],
    ['a name in Temporal', (text: string) => ({ target: { ...target, workflowType: text } })],
    ['a task queue', (text: string) => ({ target: { ...target, taskQueue: text } })],
  ])('%s holds nothing that nobody sees', (_, fieldsWith) => {
    expect(faultsOf(fieldsWith('Grüße, 週報'))).toBe('');
    for (const text of ['a\u202eb', 'a\u200bb', 'a\u00a0b', 'a\u2067'])
      expect(faultsOf(fieldsWith(text))).toMatch(/holds (?:the blank )?U\+/);
    expect(faultsOf(fieldsWith('a\nb'))).toMatch(/line breaks are not allowed/);
  });
});
