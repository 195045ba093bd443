import { status } from '@grpc/grpc-js';
import {
  isGrpcServiceError,
  ScheduleClient,
  ServiceError,
  type Client,
  type WorkflowService,
} from '@temporalio/client';

/**
 * A schedule client with optimistic locking: each update sends the conflict token of the last description,
 * and the server drops the update if the schedule has changed since. The server does not say so, so the
 * caller has to describe the schedule again to find out. The SDK's own client sends no token, and the last of
 * two concurrent updates wins. One instance makes one update at a time.
 */
export class ComparingScheduleClient extends ScheduleClient {
  private conflictToken: Uint8Array | undefined;

  constructor(client: Client) {
    super({ ...client.schedule.options, connection: client.connection });
  }

  protected override async _describeSchedule(scheduleId: string) {
    const description = await super._describeSchedule(scheduleId);
    this.conflictToken = description.conflictToken ?? undefined;
    return description;
  }

  /** The SDK's own method makes a TypeError of a spec that the server refuses, without the server's answer. */
  protected override rethrowGrpcError(error: unknown, message: string, scheduleId?: string): never {
    if (isGrpcServiceError(error) && error.code === status.INVALID_ARGUMENT)
      throw new ServiceError(message, { cause: error });
    return super.rethrowGrpcError(error, message, scheduleId);
  }

  override get workflowService(): WorkflowService {
    const service = super.workflowService;
    const updateSchedule = (request: Parameters<WorkflowService['updateSchedule']>[0]) =>
      service.updateSchedule({ ...request, conflictToken: this.conflictToken ?? null });
    return Object.create(service, { updateSchedule: { value: updateSchedule } }) as WorkflowService;
  }
}
