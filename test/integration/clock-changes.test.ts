import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type Database } from '../../db/database.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { definitionOf } from '../../scheduling/jobs/job-definition.ts';
import { storeJobChange } from '../../scheduling/jobs/store-job.ts';
import { recordSuppressed } from '../../scheduling/occurrences/suppressed.ts';
import { apiClient } from '../support/client.ts';
import { fromRunner } from '../support/environment.ts';
import { untilSynced } from '../support/job-state.ts';
import { createStack, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const logger = createLogger({ level: 'warn', name: 'test' });
let stack: Stack;
let db: Database;
let api: ReturnType<typeof apiClient>;

beforeAll(async () => {
  stack = await createStack('clock-changes');
  const [service] = await Promise.all([stack.startApi(), stack.startWorker()]);
  api = apiClient(service.url);
  const config = readConfig({
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: fromRunner('temporalAddress'),
  });
  db = createDatabase(config, logger, 'test');
});
afterAll(async () => {
  await db.destroy();
  await stack.stop();
});

const target = { type: 'http', url: 'https://example.com/' };
const timeZone = 'America/New_York';

test('the second occurrence of a repeated local time is recorded once, as a skipped run', async () => {
  const first = await api.createJob({ name: 'first', schedule: { cron: '30 1 * * *', timeZone }, target });
  const both = await api.createJob({
    name: 'both',
    schedule: { cron: '30 1 * * *', timeZone, dst: { repeat: 'both' } },
    target,
  });
  const noon = await api.createJob({ name: 'noon', schedule: { cron: '0 12 * * *', timeZone }, target });
  // In New York, clocks go back from 02:00 to 01:00 on 7 November 2027.
  const before = await recordSuppressed({ db, logger }, new Date('2027-11-07T05:45:00Z'));
  const after = await recordSuppressed({ db, logger }, new Date('2027-11-07T12:00:00Z'));
  const again = await recordSuppressed({ db, logger }, new Date('2027-11-08T12:00:00Z'));
  expect([before, after, again]).toEqual([0, 1, 0]);
  expect(
    (await api.allRuns(first.id)).map(({ state, scheduledAt, reason }) => [state, scheduledAt, reason]),
  ).toEqual([['skipped', '2027-11-07T06:30:00Z', expect.stringMatching(/clocks went back/)]]);
  expect(await api.allRuns(both.id)).toEqual([]);
  expect(await api.allRuns(noon.id)).toEqual([]);
});

test('repeated local times belong to the schedule that the job had then', async () => {
  const day = { startAt: '2028-11-05T00:00:00-04:00', timeZone };
  const { id } = await api.createJob({
    name: 'changed since',
    schedule: { cron: '30 1 * * *', ...day },
    target: { type: 'http', url: stack.receiver.url },
  });
  // In New York, clocks go back from 02:00 to 01:00 on 5 November 2028. A change comes before anybody has recorded it.
  const now = new Date('2028-11-05T12:00:00Z');
  const secrets = createSecretBox(
    readConfig({ DATABASE_URL: stack.databaseUrl, TEMPORAL_ADDRESS: 'none:1' }).SECRET_KEYS,
  );
  await storeJobChange(db, { id }, { by: 'test', now, secrets, taskQueue: 'scheduler' }, (job) => ({
    action: 'changed',
    definition: { ...definitionOf(job), schedule: { ...job.schedule, cron: '45 1 * * *' } },
  }));
  await recordSuppressed({ db, logger }, new Date('2028-11-06T05:00:00Z'));
  const suppressed = (await api.allRuns(id)).filter(({ reasonCode }) => reasonCode === 'repeatedLocalTime');
  expect(suppressed.map(({ scheduledAt }) => scheduledAt)).toEqual(['2028-11-05T06:30:00Z']);
  await api.deleteJob(id);
});

test('a Temporal Schedule that was compiled long ago, or with other time zone data, is replaced by itself', async () => {
  const job = await api.createJob({ name: 'outdated', schedule: { cron: '30 2 * * *', timeZone }, target });
  const handle = stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`);
  const current = (await handle.describe()).spec;
  expect(current.intervals?.length).toBeGreaterThan(0);
  // As if it had been compiled the year before, with other instants.
  await handle.update((previous) => ({ ...previous, spec: { ...previous.spec, intervals: [] } }));
  await stack.db.query(
    `UPDATE jobs SET spec_version = 'clock changes to 2026, tz 1999a', spec_hash = 'another' WHERE id = $1`,
    [job.id],
  );
  await waitFor(
    'the schedule to be renewed',
    async () => (await handle.describe()).spec.intervals?.length === current.intervals?.length,
  );
  await waitFor('its version to be stored', async () => {
    const { rows } = await stack.db.query<{ spec_version: string }>(
      'SELECT spec_version FROM jobs WHERE id = $1',
      [job.id],
    );
    return rows[0]?.spec_version !== 'clock changes to 2026, tz 1999a';
  });
  expect((await untilSynced(api, job.id)).sync.generation).toBe(1);
});

test('a Temporal Schedule that newer data would not change is left alone', async () => {
  const job = await api.createJob({ name: 'the same', schedule: { every: '1h' }, target });
  const handle = stack.temporal.schedule.getHandle(`scheduler-job-${job.id}`);
  const stale = 'clock changes to 2026, tz 1999a';
  await stack.db.query('UPDATE jobs SET spec_version = $2, sync_after = now() WHERE id = $1', [
    job.id,
    stale,
  ]);
  await waitFor('its version to be stored', async () => {
    const { rows } = await stack.db.query<{ spec_version: string }>(
      'SELECT spec_version FROM jobs WHERE id = $1',
      [job.id],
    );
    return rows[0]?.spec_version !== stale;
  });
  expect((await handle.describe()).info.lastUpdatedAt).toBeUndefined();
});
