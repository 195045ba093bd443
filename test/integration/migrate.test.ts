import path from 'node:path';
import { expect, test } from '@jest/globals';
import { createDatabase } from '../../db/database.ts';
import { migrate, requireCurrentSchema } from '../../db/migrate.ts';
import { readConfig } from '../../platform/config.ts';
import { createLogger } from '../../platform/logger.ts';
import { fromRunner } from '../support/environment.ts';
import { createTestDatabase, startServiceProcess } from '../support/stack.ts';

const logger = createLogger({ level: 'silent', name: 'test' });

test('several processes may migrate at once; a service refuses a schema that is not its own', async () => {
  const { databaseUrl, dropDatabase } = await createTestDatabase('migrate');
  const env = { DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: fromRunner('temporalAddress') };
  const databases = Array.from({ length: 4 }, () => createDatabase(readConfig(env), logger, 'test'));
  const [db] = databases as [(typeof databases)[number]];
  try {
    const logFile = path.join(fromRunner('folder'), 'migrate-api.log');
    await expect(startServiceProcess('api', logFile, env)).rejects.toThrow(
      /lacks the migrations 0001-jobs-and-runs, 0002-policy-and-pause, 0003-nothing-lost, 0005-run-lists; run \\"npm run migrate\\"/,
    );
    await expect(startServiceProcess('worker', logFile, env)).rejects.toThrow(/lacks the migrations/);

    const applied = await Promise.all(databases.map((database) => migrate(database)));
    expect(applied.flat()).toEqual([
      '0001-jobs-and-runs',
      '0002-policy-and-pause',
      '0003-nothing-lost',
      '0005-run-lists',
    ]);
    await requireCurrentSchema(db);

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
