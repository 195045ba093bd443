import type { Client } from '@temporalio/client';
import type { HeldSchedule } from './log.ts';

const SCHEDULE_ID = /^scheduler-job-([0-9a-f-]{36})$/;
const SECOND_MS = 1_000;

/** The ids of the jobs for which Temporal has a schedule. */
export async function listScheduled({ schedule }: Client): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { scheduleId } of schedule.list()) {
    const job = SCHEDULE_ID.exec(scheduleId)?.[1];
    if (job !== undefined) ids.add(job);
  }
  return ids;
}

/** The schedules that Temporal has, by job. */
export async function listHeld(client: Client): Promise<Map<string, HeldSchedule>> {
  const held = new Map<string, HeldSchedule>();
  for (const job of await listScheduled(client)) held.set(job, await describe(client, job));
  return held;
}

/** Reads the raw answer, which leaves nothing out. */
async function describe(client: Client, job: string): Promise<HeldSchedule> {
  const { schedule } = await client.workflowService.describeSchedule({
    namespace: client.options.namespace,
    scheduleId: `scheduler-job-${job}`,
  });
  const { spec, state, policies, action } = schedule ?? {};
  return {
    paused: state?.paused ?? false,
    overlap: OVERLAPS[policies?.overlapPolicy ?? 0] ?? 'unknown',
    taskQueue: action?.startWorkflow?.taskQueue?.name ?? '',
    intervals: (spec?.interval ?? []).map(({ interval, phase }) => [toMs(interval), toMs(phase)]),
    calendars: spec?.structuredCalendar?.length ?? 0,
  };
}

const toMs = (duration: { seconds?: { toString: () => string } | null } | null | undefined) =>
  Number(duration?.seconds?.toString() ?? 0) * SECOND_MS;

/** By their number in Temporal's API. */
const OVERLAPS = [
  'unspecified',
  'skip',
  'bufferOne',
  'bufferAll',
  'cancelOther',
  'terminateOther',
  'allowAll',
];
