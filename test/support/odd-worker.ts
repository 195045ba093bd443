import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ApplicationFailure } from '@temporalio/activity';
import { RawValue } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';

// A worker of a user with activities that fail, hang, or return strange values.
const strange = () =>
  RawValue.fromPayload({
    metadata: { encoding: Buffer.from('json/strange') },
    data: Buffer.from('…'),
  });

let fence = 0;

const activities = {
  failAlways: async () => {
    throw new Error('as always');
  },
  failTwice: async (attempt: string, fencingToken: string) => {
    if (Number(fencingToken) <= fence) throw ApplicationFailure.nonRetryable('an old fencing token');
    fence = Number(fencingToken);
    if (Number(attempt) < 3) throw new Error('not yet');
  },
  failForGood: async () => {
    throw ApplicationFailure.nonRetryable('never again');
  },
  sleepLong: () => sleep(20_000),
  answerStrangely: async () => strange(),
  failStrangely: async () => {
    throw ApplicationFailure.create({ message: 'strange', nonRetryable: true, details: [strange()] });
  },
  answerMuch: async () => '\0'.repeat(100_000),
  note: async (file: string, line: string) => appendFile(file, `${line}\n`),
};

const taskQueue = process.env['TASK_QUEUE'] ?? '';
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? '' }),
  namespace: process.env['TEMPORAL_NAMESPACE'] ?? '',
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./odd-workflows.ts', import.meta.url)),
  activities,
  shutdownForceTime: '1 second',
});
console.log(`polls the task queue ${taskQueue}`);
await worker.run().catch(() => undefined);
process.exit(0);
