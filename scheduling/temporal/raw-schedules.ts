import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import {
  isGrpcServiceError,
  ScheduleClient,
  type Client,
  type ScheduleOptions,
  type WorkflowService,
} from '@temporalio/client';

// Temporal Schedules as the server's API has them. The SDK's handles decode what they describe, and fail for good
// on an argument or a memo that they cannot decode; they keep the headers that they find, and update without a
// conflict token, so that the last of two concurrent updates wins.

/** A schedule as it is sent. */
export type Schedule = NonNullable<Parameters<WorkflowService['createSchedule']>[0]['schedule']>;
/** A schedule as the server describes it. */
export type Description = Awaited<ReturnType<WorkflowService['describeSchedule']>>;
/** A schedule as the server lists it. */
export type ListedSchedule = Awaited<ReturnType<WorkflowService['listSchedules']>>['schedules'][number];

/** A client that creates nothing, and keeps what it would send: only the SDK can encode its own options. */
class EncodingClient extends ScheduleClient {
  encoded: Schedule = {};

  constructor({ schedule, connection }: Client) {
    super({ ...schedule.options, connection });
  }

  override get workflowService(): WorkflowService {
    const createSchedule = ({ schedule }: Parameters<WorkflowService['createSchedule']>[0]) => {
      this.encoded = schedule ?? {};
      return Promise.resolve({});
    };
    return Object.create(super.workflowService, {
      createSchedule: { value: createSchedule },
    }) as WorkflowService;
  }
}

/** Encodes the options of a schedule as a request has them. */
export async function encodeSchedule(temporal: Client, options: ScheduleOptions): Promise<Schedule> {
  const client = new EncodingClient(temporal);
  await client.create(options);
  return client.encoded;
}

const hasCode = (error: unknown, code: status) => isGrpcServiceError(error) && error.code === code;

/** A schedule as Temporal holds it; undefined if there is none. */
export async function describeSchedule(
  temporal: Client,
  scheduleId: string,
): Promise<Description | undefined> {
  try {
    return await temporal.workflowService.describeSchedule({
      namespace: temporal.options.namespace,
      scheduleId,
    });
  } catch (error) {
    if (hasCode(error, status.NOT_FOUND)) return undefined;
    throw error;
  }
}

/** What every request that writes a schedule carries. */
const writing = (temporal: Client, scheduleId: string) => ({
  namespace: temporal.options.namespace,
  scheduleId,
  identity: temporal.options.identity,
  requestId: randomUUID(),
});

/** Creates a schedule. Returns false if there is one with this id. */
export async function createSchedule(
  temporal: Client,
  scheduleId: string,
  schedule: Schedule,
): Promise<boolean> {
  try {
    await temporal.workflowService.createSchedule({ ...writing(temporal, scheduleId), schedule });
    return true;
  } catch (error) {
    if (hasCode(error, status.ALREADY_EXISTS)) return false;
    throw error;
  }
}

/**
 * Updates a schedule, unless it has changed since the description that `conflictToken` comes from. The server does
 * not say which, so the caller has to describe it again. Does nothing if there is none.
 */
export async function updateSchedule(
  temporal: Client,
  scheduleId: string,
  schedule: Schedule,
  conflictToken: Uint8Array | null | undefined,
): Promise<void> {
  try {
    await temporal.workflowService.updateSchedule({
      ...writing(temporal, scheduleId),
      schedule,
      conflictToken: conflictToken ?? null,
    });
  } catch (error) {
    if (!hasCode(error, status.NOT_FOUND)) throw error;
  }
}

/** All schedules of the namespace, as pages. Lists lag behind by up to a minute. */
export async function* listSchedules(
  temporal: Client,
  pageSize: number,
): AsyncGenerator<readonly ListedSchedule[]> {
  let nextPageToken: Uint8Array | undefined;
  do {
    const page = await temporal.workflowService.listSchedules({
      namespace: temporal.options.namespace,
      maximumPageSize: pageSize,
      ...(nextPageToken ? { nextPageToken } : {}),
    });
    yield page.schedules;
    nextPageToken = page.nextPageToken?.length ? page.nextPageToken : undefined;
  } while (nextPageToken);
}
