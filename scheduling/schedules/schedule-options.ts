import {
  DAYS_OF_WEEK,
  MONTHS,
  ScheduleOverlapPolicy,
  type CalendarSpec,
  type ScheduleOptions,
  type ScheduleSpec,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { JobRow } from '../../db/schema.ts';
import type { Calendar, Range } from '../../domain/schedule/calendar.ts';
import { workflowTimeoutMs } from '../../domain/run/run-deadline.ts';
import { scheduleIdOf } from '../../domain/run/ids.ts';
import type { RunJobInput } from '../../domain/run/workflow-contract.ts';
import { compileSchedule, type CompiledSchedule } from '../../domain/schedule/compile-schedule.ts';
import { durationMs } from '../../domain/duration.ts';
import type { Policy } from '../../domain/job/policy.ts';
import { workflowOf } from '../../domain/job/run-workflow.ts';
import { SEARCH_ATTRIBUTES } from '../temporal/search-attributes.ts';
import { noteOf } from './schedule-note.ts';
import { toTemporalSpec } from './temporal-spec.ts';

const OVERLAP: Record<Policy['overlap'], ScheduleOverlapPolicy> = {
  skip: ScheduleOverlapPolicy.SKIP,
  bufferOne: ScheduleOverlapPolicy.BUFFER_ONE,
  bufferAll: ScheduleOverlapPolicy.BUFFER_ALL,
  cancelOther: ScheduleOverlapPolicy.CANCEL_OTHER,
  terminateOther: ScheduleOverlapPolicy.TERMINATE_OTHER,
  allowAll: ScheduleOverlapPolicy.ALLOW_ALL,
};

/** The summary and the search attributes of a job's runs, by which operators find them in the Temporal Web UI. */
export function describeRun(job: Pick<JobRow, 'id' | 'name' | 'namespace'>) {
  return {
    staticSummary: job.name,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: SEARCH_ATTRIBUTES.jobId, value: job.id },
      { key: SEARCH_ATTRIBUTES.jobName, value: job.name },
      { key: SEARCH_ATTRIBUTES.jobNamespace, value: job.namespace },
    ]),
  };
}

/** A compiled schedule as a spec of Temporal, with its clock changes spelled out from `now` on. Pure. */
export function temporalScheduleSpec(compiled: CompiledSchedule, now: number): ScheduleSpec {
  const { calendars, intervals, exclude } = toTemporalSpec(compiled, now);
  // A schedule of instants alone ends with the last one: an instant is an interval, which would fire again
  // much later.
  const { instants } = compiled;
  const onlyInstants =
    instants.length > 0 && compiled.calendars.length === 0 && compiled.intervals.length === 0;
  const endAt = onlyInstants ? Math.min(compiled.endAt ?? Infinity, Math.max(...instants)) : compiled.endAt;
  return {
    calendars: calendars.map(toCalendarSpec),
    intervals: intervals.map(({ everyMs, offsetMs }) => ({ every: everyMs, offset: offsetMs })),
    skip: exclude.map(toCalendarSpec),
    timezone: compiled.timeZone,
    ...(compiled.startAt === undefined ? {} : { startAt: new Date(compiled.startAt) }),
    ...(endAt === undefined ? {} : { endAt: new Date(endAt) }),
  };
}

/**
 * The Temporal Schedule of a job, as of `now`. `runs` is how many scheduled runs it has had, for its
 * `maxRuns`. Pure.
 */
export function scheduleOptions(job: JobRow, runs: number, taskQueue: string, now: number) {
  const { maxRuns, jitter } = job.schedule;
  const scheduleId = scheduleIdOf(job.id);
  const workflow = workflowOf(job);
  const timeoutMs = job.timeout === null ? undefined : durationMs(job.timeout);
  const input: RunJobInput = {
    jobId: job.id,
    generation: job.schedule_generation,
    trigger: 'schedule',
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
  return {
    scheduleId,
    spec: {
      ...temporalScheduleSpec(compileSchedule(job.schedule), now),
      ...(jitter === undefined ? {} : { jitter: durationMs(jitter) }),
    },
    action: {
      type: 'startWorkflow',
      workflowType: workflow.type,
      ...workflow.options,
      workflowId: scheduleId,
      taskQueue,
      args: [input],
      ...(timeoutMs === undefined ? {} : { workflowExecutionTimeout: workflowTimeoutMs(timeoutMs) }),
      ...describeRun(job),
    },
    policies: { overlap: OVERLAP[job.policy.overlap], catchupWindow: durationMs(job.policy.catchupWindow) },
    state: {
      paused: job.state !== 'active' || (maxRuns !== undefined && runs >= maxRuns),
      note: noteOf(job),
      ...(maxRuns === undefined ? {} : { remainingActions: Math.max(0, maxRuns - runs) }),
    },
  } satisfies ScheduleOptions;
}

function toCalendarSpec(calendar: Calendar): CalendarSpec {
  const named = <Name extends string>(ranges: Range[], name: (value: number) => Name) =>
    ranges.map(({ start, end, step }) => ({ start: name(start), end: name(end), step }));
  return {
    second: calendar.second,
    minute: calendar.minute,
    hour: calendar.hour,
    dayOfMonth: calendar.dayOfMonth,
    month: named(calendar.month, (value) => MONTHS[value - 1] as (typeof MONTHS)[number]),
    dayOfWeek: named(calendar.dayOfWeek, (value) => DAYS_OF_WEEK[value] as (typeof DAYS_OF_WEEK)[number]),
    ...(calendar.year ? { year: calendar.year } : {}),
  };
}
