import type { Finding } from './findings.ts';
import type { JobHistory } from './history.ts';
import type { HeldSchedule, JobRecord, PlainSchedule } from './log.ts';

/** The task queue of the workers. */
const TASK_QUEUE = 'scheduler';

/** Finds Temporal Schedules that are not as their jobs are, after everything had time to heal. */
export function checkDrift(
  jobs: readonly JobRecord[],
  histories: ReadonlyMap<string, JobHistory>,
): Finding[] {
  return jobs.flatMap((job): Finding[] => {
    const { id, held, schedule, state, deleted } = job;
    if (!held || deleted || !schedule) return [];
    const overlap = histories.get(id)?.traits.overlap ?? held.overlap;
    const expected = {
      ...{ paused: state !== 'active', overlap, taskQueue: TASK_QUEUE },
      ...whenOf(schedule),
    };
    const found: Partial<HeldSchedule> = { ...held };
    if (schedule.kind === 'at') delete found.intervals;
    const differences = Object.entries(expected).flatMap(([field, value]) => {
      const [wanted, present] = [value, found[field as keyof HeldSchedule]].map((one) => JSON.stringify(one));
      return wanted === present ? [] : [`${field} is ${present}, not ${wanted}`];
    });
    if (differences.length === 0) return [];
    return [{ kind: 'drift', job: id, scheduledAt: null, detail: `in Temporal, ${differences.join('; ')}` }];
  });
}

/** What the schedule must look like in Temporal. Instants can be held in several ways. */
function whenOf(schedule: PlainSchedule): Partial<HeldSchedule> {
  switch (schedule.kind) {
    case 'every':
      return { intervals: [[schedule.seconds * 1_000, schedule.offset * 1_000]], calendars: 0 };
    case 'cron':
      return { intervals: [], calendars: 1 };
    case 'at':
      return {};
  }
}
