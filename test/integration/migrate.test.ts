import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase } from '../../db/database.ts';
import { migrate, requireCurrentSchema } from '../../db/migrate.ts';
import { migrations } from '../../db/migrations/index.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { fromRunner } from '../support/environment.ts';
import { createTestDatabase, startServiceProcess } from '../support/stack.ts';

const names = Object.keys(migrations);
const logger = createLogger({ level: 'silent', name: 'test' });

test('several processes can migrate at once; a service refuses a schema of another version', async () => {
  const { databaseUrl, dropDatabase } = await createTestDatabase('migrate');
  const env = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: fromRunner('temporalAddress') };
  const databases = Array.from({ length: 4 }, () => createDatabase(readConfig(env), logger, 'test'));
  const [db] = databases as [(typeof databases)[number]];
  try {
    const logFile = path.join(fromRunner('folder'), 'migrate-api.log');
    await expect(startServiceProcess('api', logFile, env)).rejects.toThrow(
      `lacks the migrations ${names.join(', ')}; run \\"npm run migrate\\" first`,
    );
    await expect(startServiceProcess('worker', logFile, env)).rejects.toThrow(/lacks the migrations/);

    const applied = await Promise.all(databases.map((database) => migrate(database)));
    expect(applied.flat()).toEqual(names);
    await requireCurrentSchema(db);

    // Down to an older version, and up again.
    const back = (...args: string[]) =>
      promisify(execFile)(process.execPath, ['dist/db/main.js', ...args], {
        env: { PATH: process.env['PATH'], DATABASE_URL: databaseUrl },
      });
    expect((await back('back-to', names[2] ?? '')).stdout).toContain(
      JSON.stringify(names.slice(3).reverse()),
    );
    await expect(requireCurrentSchema(db)).rejects.toThrow(
      `lacks the migrations ${names.slice(3).join(', ')}`,
    );
    await expect(back('back-to', '0000-nothing')).rejects.toMatchObject({
      stdout: expect.stringContaining('no migration 0000-nothing'),
    });
    await expect(back('up')).rejects.toMatchObject({ stdout: expect.stringContaining('Not understood') });
    expect(await migrate(db)).toEqual(names.slice(3));

    const history = db.withTables<{ kysely_migration: { name: string; timestamp: string } }>();
    await history
      .insertInto('kysely_migration')
      .values({ name: '9999-from-the-future', timestamp: '' })
      .execute();
    await expect(requireCurrentSchema(db)).rejects.toThrow(/newer than this version.*9999-from-the-future/);
  } finally {
    await Promise.all(databases.map((database) => database.destroy()));
    await dropDatabase();
  }
});

test('0004 fills in new fields of old jobs, and leaves their input unchanged', async () => {
  const { databaseUrl, dropDatabase } = await createTestDatabase('migrate-0004');
  const env = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: fromRunner('temporalAddress') };
  const db = createDatabase(readConfig(env), logger, 'test');
  try {
    await migrate(db);
    for (const name of [...names].reverse().slice(0, names.length - 3)) await migrations[name]?.down?.(db);
    await sql`
      INSERT INTO jobs (id, namespace, name, description, labels, schedule, target, policy, catchup_seconds, retry, state, generation,
                        schedule_generation, schedule_since, accounted_to, sync_after, created_at, updated_at)
      VALUES (gen_random_uuid(), 'default', 'old', '', '{}', '{}', '{"z": {"b": 1, "a": "}"}, "body": null }', '{}', 3600,
              '{"maxAttempts":5}', 'active', 1, 1, now(), now(), now(), now(), now())`.execute(db);
    for (const name of names.slice(3)) await migrations[name]?.up(db);
    const { rows } = await sql<{ target: string; retry: string }>`
      SELECT target::text, retry::text FROM jobs`.execute(db);
    expect(rows).toEqual([
      {
        target: '{"z": {"b": 1, "a": "}"}, "body": null,"successStatus":["200-299"],"followRedirects":false}',
        retry: '{"maxAttempts":5,"respectRetryAfter":true,"retryStatus":[408,425,429,"500-599"]}',
      },
    ]);
  } finally {
    await db.destroy();
    await dropDatabase();
  }
});
