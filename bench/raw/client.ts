import { MONTHS, ScheduleOverlapPolicy, type Client, type ScheduleSpec } from '@temporalio/client';
import type { BenchJob, When } from '../contender.ts';

export const RAW_TASK_QUEUE = 'raw';

function toSpec(when: When): ScheduleSpec {
  if ('everyMs' in when) return { intervals: [{ every: when.everyMs, offset: when.offsetMs }] };
  const { at } = when;
  return {
    calendars: [
      {
        year: at.getUTCFullYear(),
        month: MONTHS[at.getUTCMonth()]!,
        dayOfMonth: at.getUTCDate(),
        hour: at.getUTCHours(),
        minute: at.getUTCMinutes(),
        second: at.getUTCSeconds(),
      },
    ],
  };
}

/** Creates the schedule of a job. */
export const createSchedule = (client: Client, { name, url, when }: BenchJob) =>
  client.schedule.create({
    scheduleId: name,
    spec: toSpec(when),
    policies: { overlap: ScheduleOverlapPolicy.SKIP },
    action: { type: 'startWorkflow', workflowType: 'callWorkflow', taskQueue: RAW_TASK_QUEUE, args: [url] },
  });

/** Deletes the schedule of a job. */
export const deleteSchedule = (client: Client, { name }: BenchJob) =>
  client.schedule.getHandle(name).delete();
