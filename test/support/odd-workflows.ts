import {
  ApplicationFailure,
  CancellationScope,
  isCancellation,
  proxyActivities,
  sleep,
} from '@temporalio/workflow';

const { note } = proxyActivities<{ note: (file: string, line: string) => Promise<void> }>({
  startToCloseTimeout: '10 seconds',
});

export async function failing(): Promise<never> {
  throw ApplicationFailure.retryable('no luck');
}

export async function failingForGood(): Promise<never> {
  throw ApplicationFailure.nonRetryable('no use');
}

export const endless = () => sleep('1 day');

export async function cleaningUp(file: string, run: string): Promise<void> {
  try {
    await sleep('1 day');
  } catch (error) {
    if (!isCancellation(error)) throw error;
    const line = JSON.stringify({ report: 'cleaned up', run });
    await CancellationScope.nonCancellable(() => note(file, line));
    throw error;
  }
}
