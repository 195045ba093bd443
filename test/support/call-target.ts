import { callHttp, type CallOutcome } from '../../activities/call/call-http.ts';
import type { Dispatcher } from '../../activities/call/guarded-dispatcher.ts';
import { prepareCall } from '../../activities/call/prepare-call.ts';
import { Retry } from '../../domain/target/retry.ts';
import type { HttpTarget } from '../../domain/target/http-target.ts';
import { JobInput } from '../../domain/job/job.ts';
import { extractSecrets } from '../../domain/job/extract-secrets.ts';
import { createSecretBox } from '../../platform/secret-box.ts';

/** Makes one call to a target without secrets, like the first attempt of a run. */
export function callTarget(dispatcher: Dispatcher, given: HttpTarget): Promise<CallOutcome> {
  const job = JobInput.parse({ name: 'x', schedule: { every: '1h' }, target: given });
  const { target } = extractSecrets(job).definition;
  if (target.type !== 'http') throw new Error('this is no HTTP target');
  const values = {
    scheduledAt: '2026-11-23T08:00:00Z',
    jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
    runId: '5f1c1b0e-6f0e-5b39-9d3c-2a53c3c2b8ad',
    attempt: '1',
    fencingToken: '1764407400000000',
  };
  const { name, policy } = job;
  const call = prepareCall(
    {
      trigger: 'schedule',
      job: { id: values.jobId, namespace: 'default', name, labels: {}, policy },
      cause: null,
      secrets: null,
    },
    target,
    values,
    createSecretBox([]),
    new Date(),
  );
  const { retryStatus } = Retry.parse({});
  return callHttp(dispatcher, call, { ...target, retryStatus }, new AbortController().signal);
}
