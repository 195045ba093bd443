import { Client, ScheduleClient, type Connection } from '@temporalio/client';
import { isUnreachable } from '../../scheduling/temporal/temporal-errors.ts';

const DEADLINE_MS = 5_000;
const MAX_ATTEMPTS = 6;

/** Describing a schedule is a query to its workflow, which sometimes hangs in a busy server. A retry succeeds. */
class PatientScheduleClient extends ScheduleClient {
  protected override async _describeSchedule(scheduleId: string) {
    for (let attempt = 1; ; attempt++) {
      try {
        const describe = () => super._describeSchedule(scheduleId);
        return await this.withDeadline(Date.now() + DEADLINE_MS, describe);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !isUnreachable(error)) throw error;
      }
    }
  }
}

/** Creates a client that retries if a busy server does not answer. */
export function createPatientClient(connection: Connection, namespace: string): Client {
  const client = new Client({ connection, namespace });
  const schedule = new PatientScheduleClient({ ...client.schedule.options, connection });
  return Object.defineProperty(client, 'schedule', { value: schedule });
}
