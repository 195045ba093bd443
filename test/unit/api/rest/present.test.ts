import { describe, expect, test } from '@jest/globals';
import { evaluateSchedule, presentJob } from '../../../../api/rest/present.ts';
import type { JobRow } from '../../../../db/schema.ts';
import { Job, JobInput, type StoredDefinition } from '../../../../domain/job/job.ts';
import { rowOf } from '../../../../scheduling/jobs/job-definition.ts';

const now = new Date('2026-11-22T17:00:00Z');
const definition = JobInput.parse({
  name: 'weekly-report',
  schedule: { cron: '0 9 * * MON', timeZone: 'Europe/Berlin' },
  target: { type: 'http', url: 'https://example.com/' },
});
const row = {
  id: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
  namespace: 'default',
  ...rowOf(definition as StoredDefinition),
  state: 'active',
  paused_at: null,
  generation: 1,
  observed_generation: 1,
  sync_error: null,
  healed_at: null,
  drift: null,
  consecutive_failures: 0,
  late: null,
  created_at: now,
  updated_at: now,
} as JobRow;
const noRuns = { lastRun: undefined, scheduledRuns: 0 };

describe('a job whose stored schedule this version cannot evaluate', () => {
  test.each<[string, object]>([
    ['an unknown time zone', { cron: '0 9 * * MON', timeZone: 'Mars/Olympus' }],
    ['a local time in an unknown time zone', { at: '2030-12-24T18:00:00', timeZone: 'Mars/Olympus' }],
    ['an invalid cron expression', { cron: 'every monday', timeZone: 'UTC' }],
  ])('is answered with the fault: %s', (_, schedule) => {
    const broken = { ...row, schedule } as JobRow;
    for (const withWarnings of [false, true]) {
      const job = presentJob(broken, noRuns, now, { withWarnings });
      expect(job).toMatchObject({
        name: 'weekly-report',
        schedule,
        status: { nextRunAt: null, upcoming: [] },
        sync: {
          error: expect.stringMatching(/^This version of the service cannot evaluate the schedule: ./),
        },
      });
    }
  });

  test('has no upcoming occurrences, and says why in its summary', () => {
    const schedule = { cron: '0 9 * * MON', timeZone: 'Mars/Olympus' };
    const query = { scheduledRuns: 0, after: now.getTime(), limit: 3, withWarnings: true };
    expect(evaluateSchedule({ schedule, state: 'active' }, query)).toMatchObject({
      schedule: { summary: expect.stringMatching(/cannot evaluate/), warnings: [] },
      upcoming: [],
    });
  });

  test('keeps the error of Temporal', () => {
    const schedule = { cron: '0 9 * * MON', timeZone: 'Mars/Olympus' };
    const job = presentJob({ ...row, schedule, sync_error: 'refused' }, noRuns, now);
    expect(job.sync.error).toBe('refused');
  });
});

test('a job shows its next occurrences, and its warnings if they are asked for', () => {
  const job = presentJob(row, noRuns, now);
  expect(Job.safeParse(job).error?.issues).toBeUndefined();
  expect(job.status.nextRunAt).toBe('2026-11-23T08:00:00Z');
  expect(job.status.upcoming).toHaveLength(5);
  expect(job.sync.error).toBeNull();
  expect(job).not.toHaveProperty('warnings');
  expect(job.schedule).not.toHaveProperty('warnings');
  expect(presentJob(row, noRuns, now, { withWarnings: true })).toMatchObject({
    warnings: [],
    schedule: { warnings: [] },
  });
});
