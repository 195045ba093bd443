import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import * as activities from './activities.ts';

// A worker of your own, with a task queue of your own, beside the scheduler's workers. Start it with `npm start`.
const taskQueue = process.env['TASK_QUEUE'] ?? 'reports';
const connection = await NativeConnection.connect({
  address: process.env['TEMPORAL_ADDRESS'] ?? '127.0.0.1:7233',
});
const worker = await Worker.create({
  connection,
  namespace: process.env['TEMPORAL_NAMESPACE'] ?? 'default',
  taskQueue,
  workflowsPath: fileURLToPath(new URL('./workflows.ts', import.meta.url)),
  activities,
});
console.log(`polls the task queue ${taskQueue}`);
await worker.run();
await connection.close();
