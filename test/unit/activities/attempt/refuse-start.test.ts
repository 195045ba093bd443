import { describe, expect, test } from '@jest/globals';
import { findNoOccurrence } from '../../../../activities/attempt/refuse-start.ts';
import { isTaskOfWorkflow, runIdOfOccurrence } from '../../../../domain/run/ids.ts';
import type { RunJobTask } from '../../../../domain/run/workflow-contract.ts';

const JOB = '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f';
const OTHER = '019ab1c0-7e11-7cc3-98c4-dc0c0c073990';
const taskAt = (scheduledAt: string, more: Partial<RunJobTask> = {}): RunJobTask => ({
  jobId: JOB,
  generation: 3,
  trigger: 'schedule',
  scheduledAt,
  ...more,
});

describe('an instant for which a Temporal Schedule started a run', () => {
  const codeAt = (scheduledAt: string, more: Partial<RunJobTask> = {}, schedule: object = {}) =>
    findNoOccurrence(
      {
        schedule: { every: '1h', offset: '0s', timeZone: 'UTC', ...schedule },
        schedule_generation: 3,
        schedule_since: new Date('2026-11-22T10:30:00.500Z'),
        created_at: new Date('2026-11-20T00:00:00Z'),
      } as unknown as Parameters<typeof findNoOccurrence>[0],
      taskAt(scheduledAt, more),
    )?.reasonCode;

  test('is none of the job’s if its schedule does not have it', () => {
    expect(codeAt('2026-11-22T11:00:00Z')).toBeUndefined();
    expect(codeAt('2026-11-22T11:00:02Z')).toBe('notAnOccurrence');
  });

  test('is not judged by a schedule that did not hold then, or that did not start it', () => {
    expect(codeAt('2026-11-22T10:30:00Z')).toBeUndefined();
    expect(codeAt('2026-11-22T11:00:02Z', { generation: 2 })).toBeUndefined();
    expect(codeAt('2026-11-22T11:00:02Z', { generation: 4 })).toBeUndefined();
    expect(codeAt('2026-11-22T11:00:02Z', { runId: OTHER, trigger: 'manual' })).toBeUndefined();
  });

  test('is none if it lies before the job', () => {
    expect(codeAt('2026-11-19T23:00:00Z')).toBe('notAnOccurrence');
    expect(codeAt('2026-11-19T23:00:00Z', { runId: OTHER, trigger: 'backfill' })).toBeUndefined();
  });

  test('is a repeated local time if clocks went back and the job does not fire twice', () => {
    const code = (at: string) =>
      findNoOccurrence(
        {
          schedule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' },
          schedule_generation: 3,
          schedule_since: new Date('2026-10-01T00:00:00Z'),
          created_at: new Date('2026-10-01T00:00:00Z'),
        } as unknown as Parameters<typeof findNoOccurrence>[0],
        taskAt(at),
      )?.reasonCode;
    expect(code('2026-10-25T00:30:00Z')).toBeUndefined();
    expect(code('2026-10-25T01:30:00Z')).toBe('repeatedLocalTime');
  });
});

describe('the workflow of an occurrence', () => {
  const at = '2026-11-22T11:00:00Z';
  const workflowId = `scheduler-job-${JOB}-${at}`;

  test('carries out that occurrence, whoever started it', () => {
    expect(isTaskOfWorkflow(workflowId, taskAt(at))).toBe(true);
    expect(isTaskOfWorkflow(workflowId, taskAt('2026-11-22T11:00:00.000Z'))).toBe(true);
    const runId = runIdOfOccurrence(JOB, new Date(at));
    expect(isTaskOfWorkflow(workflowId, taskAt(at, { runId }))).toBe(true);
    expect(isTaskOfWorkflow(`scheduler-run-${runId}`, taskAt(at, { runId }))).toBe(true);
  });

  test('carries out nothing else', () => {
    for (const task of [
      taskAt(at, { jobId: OTHER }),
      taskAt(at, { trigger: 'manual' }),
      taskAt(at, { runId: OTHER }),
      taskAt('2026-11-22T12:00:00Z'),
      taskAt('tomorrow'),
      { scheduledAt: at } as RunJobTask,
    ])
      expect(isTaskOfWorkflow(workflowId, task)).toBe(false);
    expect(isTaskOfWorkflow(`another-${at}`, taskAt(at))).toBe(false);
  });
});
