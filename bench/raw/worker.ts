import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { workerOptions } from '../../worker/worker-options.ts';
import * as activities from './activity.ts';

// A worker with the options and metrics of the service; without an address for metrics, with the defaults of the SDK.
const [address = '', namespace = '', taskQueue = '', metricsAddress] = process.argv.slice(2);
if (metricsAddress !== undefined)
  Runtime.install({ telemetryOptions: { metrics: { prometheus: { bindAddress: metricsAddress } } } });
const bundle = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
});
const config = { TEMPORAL_NAMESPACE: namespace, TEMPORAL_TASK_QUEUE: taskQueue };
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  ...(metricsAddress === undefined
    ? { namespace, taskQueue, workflowBundle: bundle }
    : workerOptions(config, bundle)),
  connection,
  activities,
});
const running = worker.run();
process.once('disconnect', () => worker.shutdown());
process.send?.({ ready: true });
await running;
await connection.close();
process.exit(0);
