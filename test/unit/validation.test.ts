import { describe, expect, test } from '@jest/globals';
import { parseInput } from '../../api/validation.ts';
import { SchedulerError, type FieldError } from '../../domain/errors.ts';
import { JobInput } from '../../domain/job.ts';

const target = { type: 'http', url: 'https://example.com/' };
const schedule = { every: '5m' };

function faultsOf(input: unknown): FieldError[] {
  try {
    parseInput(JobInput, input);
  } catch (error) {
    if (error instanceof SchedulerError) return error.errors;
    throw error;
  }
  return [];
}

describe('what a caller is told about wrong input', () => {
  test.each<[string, unknown, { path: string; message: RegExp }[]]>([
    ['no object', 'x', [{ path: '', message: /must be an object, not a string/ }]],
    [
      'nothing given',
      {},
      [
        { path: 'name', message: /required/ },
        { path: 'schedule', message: /required|needs/ },
        { path: 'target', message: /required|type/ },
      ],
    ],
    ['a typo', { name: 'x', schedule, target, retries: 3 }, [{ path: 'retries', message: /no such field/ }]],
    [
      'a number for a name',
      { name: 5, schedule, target },
      [{ path: 'name', message: /must be a string, not a number/ }],
    ],
    [
      'a number for a secret, and for a header',
      { name: 'x', schedule, target: { ...target, headers: { A: { secret: 5 }, B: 5 } } },
      [
        { path: 'target.headers.A.secret', message: /^must be a string, not a number; or must be true$/ },
        { path: 'target.headers.B', message: /^must be a string, not a number; or must be an object/ },
      ],
    ],
    [
      'a secret that is none',
      { name: 'x', schedule, target: { ...target, signing: { secret: 'whsec_?', previousSecret: false } } },
      [
        {
          path: 'target.signing.secret',
          message: /^must be "whsec_" and the base64 of 24 to 64 random bytes$/,
        },
        {
          path: 'target.signing.previousSecret',
          message: /^must be a string, not a boolean; or must be true$/,
        },
      ],
    ],
    [
      'no kind of schedule',
      { name: 'x', schedule: {}, target },
      [{ path: 'schedule', message: /exactly one of "cron", "every", "at", "calendar"/ }],
    ],
    [
      'two kinds of schedule',
      { name: 'x', schedule: { cron: '* * * * *', every: '5m' }, target },
      [{ path: 'schedule', message: /exclude each other/ }],
    ],
    [
      'a field of another kind',
      { name: 'x', schedule: { every: '5m', dayMatch: 'or' }, target },
      [{ path: 'schedule.dayMatch', message: /no such field/ }],
    ],
    [
      'a wrong cron',
      { name: 'x', schedule: { cron: '0 25 * * *' }, target },
      [{ path: 'schedule.cron', message: /hour 25 is out of range 0–23/ }],
    ],
    [
      'a wrong cron in a list',
      { name: 'x', schedule: { cron: ['@daily', 'x'] }, target },
      [{ path: 'schedule.cron[1]', message: /expected 5 fields/ }],
    ],
    [
      'a cron that is a number',
      { name: 'x', schedule: { cron: 5 }, target },
      [{ path: 'schedule.cron', message: /must be a string, not a number; or must be an array/ }],
    ],
    [
      'wrong zone and wrong cron',
      { name: 'x', schedule: { cron: 'x', timeZone: 'Mars/Olympus' }, target },
      [
        { path: 'schedule.cron', message: /expected 5 fields/ },
        { path: 'schedule.timeZone', message: /"Mars\/Olympus" is not a known time zone/ },
      ],
    ],
    [
      'a header with a line break',
      { name: 'x', schedule, target: { ...target, headers: { 'a\nb': 'c' } } },
      [{ path: 'target.headers["a\\nb"]', message: /valid header name/ }],
    ],
    [
      'an unknown target',
      { name: 'x', schedule, target: { type: 'fax' } },
      [{ path: 'target.type', message: /http/ }],
    ],
  ])('%s', (_, input, expected) => {
    const faults = faultsOf(input);
    expect(faults).toEqual(
      expected.map(({ path, message }) =>
        expect.objectContaining({ path, message: expect.stringMatching(message) }),
      ),
    );
  });
});
