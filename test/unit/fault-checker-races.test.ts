import { describe, expect, test } from '@jest/globals';
import { check } from '../faults/check.ts';
import type { FaultLog, OperationRecord, RunRecord, TargetCall } from '../faults/log.ts';
import {
  addRun,
  BEGIN,
  callAgain,
  cleanLog as cleanLogOf,
  FAULT,
  idOf,
  runOf,
  traitsWith,
  type PlannedJob,
} from '../support/clean-fault-log.ts';

// What the checker of the fault bench allows because two things happened at about the same time, and what it still finds
// when they did not.

const [TERMINATING, CANCELLING, HOOKS, HANGING, PAUSED, PLAIN, IMPATIENT, DELETED] = [0, 1, 2, 3, 4, 5, 6, 7];

const JOBS: PlannedJob[] = [
  {
    traits: traitsWith({ overlap: 'terminateOther', script: 'slow' }),
    steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }]],
  },
  {
    traits: traitsWith({ overlap: 'cancelOther', script: 'slow' }),
    steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }]],
  },
  {
    traits: traitsWith({ overlap: 'bufferAll', script: 'spells', hookAfter: 1, maxAttempts: 1 }),
    steps: [['create', 10.3, { kind: 'every', seconds: 6, offset: 1 }]],
  },
  {
    traits: traitsWith({ script: 'hanging', timeoutMs: 4_000 }),
    steps: [['create', 10.3, { kind: 'every', seconds: 4, offset: 0 }]],
  },
  {
    traits: traitsWith({ overlap: 'cancelOther', script: 'slow' }),
    steps: [
      ['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }],
      ['pause', 140.5],
      ['resume', 160.5],
    ],
  },
  { traits: traitsWith(), steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }]] },
  {
    traits: traitsWith({ maxAttempts: 1 }),
    steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }]],
  },
  {
    traits: traitsWith(),
    steps: [
      ['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }],
      ['delete', 202],
    ],
  },
];

const cleanLog = () => cleanLogOf(JOBS);
const at = (second: number) => BEGIN + second * 1_000;
const recordOf = (log: FaultLog, run: string) => log.runs.find(({ id }) => id === run) as RunRecord;
const workflowOf = (log: FaultLog, run: string) =>
  log.workflows.find(({ executionId }) => executionId === `execution of ${run}`) as FaultLog['workflows'][0];
const callOf = (log: FaultLog, run: string) => log.calls.find((call) => call.run === run) as TargetCall;
const withoutCalls = (log: FaultLog, run: string) =>
  void (log.calls = log.calls.filter((call) => call.run !== run));
const kindsOf = (log: FaultLog) => check(log).findings.map(({ kind }) => kind);

/** A request of a client. */
function request(log: FaultLog, job: number, more: Partial<OperationRecord>, calledAt: number): void {
  const [template] = log.operations as [OperationRecord];
  const [call] = template.calls as [OperationRecord['calls'][0]];
  log.operations.push({
    ...{ ...template, id: 'request', jobId: idOf(job), schedule: null, traits: null, ...more },
    calls: [{ ...call, calledAt, endedAt: calledAt + 50 }],
  });
}

test('a log without errors has no findings', () => {
  expect(check(cleanLog()).findings).toEqual([]);
});

describe('a workflow that somebody ended when its run was over', () => {
  const kindsWith = (job: number, status: string, closedAfterMs = 100) => {
    const log = cleanLog();
    const run = runOf(idOf(job), at(50));
    Object.assign(workflowOf(log, run), {
      status,
      closedAt: (recordOf(log, run).endedAt ?? 0) + closedAfterMs,
    });
    return kindsOf(log);
  };
  test('is right under the overlap policy that ends workflows in this way', () => {
    expect(kindsWith(TERMINATING, 'TERMINATED')).toEqual([]);
    expect(kindsWith(CANCELLING, 'CANCELLED')).toEqual([]);
    expect(kindsWith(TERMINATING, 'CANCELLED')).toEqual(['state']);
    expect(kindsWith(CANCELLING, 'TERMINATED')).toEqual(['state']);
    expect(kindsWith(PLAIN, 'CANCELLED')).toEqual(['state']);
  });
  test('is not right long after the end', () => {
    expect(kindsWith(TERMINATING, 'TERMINATED', 20_000)).toEqual(['state']);
  });
  test('is right if a client cancelled the run', () => {
    const log = cleanLog();
    const run = runOf(idOf(PLAIN), at(50));
    workflowOf(log, run).status = 'CANCELLED';
    request(log, PLAIN, { kind: 'cancel', runId: run }, callOf(log, run).at);
    expect(kindsOf(log)).toEqual([]);
  });
});

test('the run of a hook that was cancelled makes no call, if a client cancelled it', () => {
  const log = cleanLog();
  const hook = log.runs.find(({ cause }) => cause !== undefined) as RunRecord;
  withoutCalls(log, hook.id);
  Object.assign(hook, { state: 'cancelled', reasonCode: 'cancelled', attempts: [] });
  expect(kindsOf(log)).toEqual(['hook']);
  request(log, HOOKS, { kind: 'cancel', runId: hook.id }, hook.scheduledAt + 10);
  expect(kindsOf(log)).toEqual([]);
  hook.state = 'skipped';
  expect(kindsOf(log)).toEqual(['hook']);
});

describe('a run that timed out before its call', () => {
  const kindsWith = (kind: 'backfill' | 'run', job: number, second: number, timedOutAt: number) => {
    const log = cleanLog();
    const [run, instant] = [idOf(800), at(second)];
    const backfill = kind === 'backfill' ? { from: instant, to: instant, id: 'a backfill', count: 1 } : null;
    const schedule = log.jobs[job]?.schedule ?? null;
    const runId = kind === 'run' ? run : null;
    request(log, job, { kind, backfill, schedule, runId }, instant + 1_000);
    addRun(log, idOf(job), instant, run, kind);
    withoutCalls(log, run);
    Object.assign(recordOf(log, run), {
      ...{ state: 'timedOut', reasonCode: 'timeoutReached', attempts: [], endedAt: timedOutAt },
      ...(backfill ? { backfill: backfill.id } : {}),
    });
    return kindsOf(log);
  };
  const [near, far] = [
    [300, FAULT.endedAt + 2_000],
    [200, at(205)],
  ] as const;
  test.each(['backfill', 'run'] as const)('is allowed near a fault, of a %s', (kind) => {
    expect(kindsWith(kind, HANGING, ...near)).toEqual([]);
  });
  test.each(['backfill', 'run'] as const)('is missing without a fault, or a timeout, of a %s', (kind) => {
    expect(kindsWith(kind, HANGING, ...far)).toContain('missing');
    expect(kindsWith(kind, PLAIN, ...near)).toContain('missing');
  });
});

test('a run that failed before its call is allowed near a fault, if it had one attempt', () => {
  const kindsWith = (job: number, second: number) => {
    const log = cleanLog();
    const run = runOf(idOf(job), at(second));
    withoutCalls(log, run);
    Object.assign(recordOf(log, run), { state: 'failed', reasonCode: 'attemptFailed' });
    return kindsOf(log).sort();
  };
  expect(kindsWith(IMPATIENT, 300)).toEqual([]);
  expect(kindsWith(IMPATIENT, 200)).toEqual(['missing', 'state']);
  expect(kindsWith(PLAIN, 300)).toEqual(['missing', 'state']);
});

test('a run of a backfill makes no call if its job was deleted before it was late', () => {
  const kindsWith = (reasonCode: string, askedAt: number) => {
    const log = cleanLog();
    const [run, instant] = [idOf(800), at(150)];
    const schedule = log.jobs[DELETED]?.schedule ?? null;
    const backfill = { from: instant, to: instant, id: 'a backfill', count: 1 };
    request(log, DELETED, { kind: 'backfill', backfill, schedule }, askedAt);
    addRun(log, idOf(DELETED), instant, run, 'backfill');
    withoutCalls(log, run);
    // Dated before the deletion by a worker whose statement was held up.
    Object.assign(recordOf(log, run), {
      ...{ state: 'skipped', reasonCode, attempts: [], endedAt: askedAt + 100, backfill: backfill.id },
    });
    return kindsOf(log);
  };
  expect(kindsWith('jobDeleted', at(200))).toEqual([]);
  expect(kindsWith('jobDeleted', at(160))).toEqual(['missing']);
  expect(kindsWith('overlap', at(200))).toEqual(['missing']);
});

describe('an occurrence that waited for an earlier run until its job was paused', () => {
  const kindsWith = (spoil: (log: FaultLog) => void) => {
    const log = cleanLog();
    const run = runOf(idOf(PAUSED), at(110));
    withoutCalls(log, run);
    log.workflows = log.workflows.filter(({ executionId }) => executionId !== `execution of ${run}`);
    Object.assign(recordOf(log, run), {
      ...{ state: 'skipped', reasonCode: 'pausedBeforeStart', attempts: [], endedAt: at(141) },
    });
    spoil(log);
    return kindsOf(log);
  };
  test('is rightly skipped, while the earlier one is open', () => {
    expect(
      kindsWith((log) => {
        workflowOf(log, runOf(idOf(PAUSED), at(105))).closedAt = at(135);
      }),
    ).toEqual([]);
  });
  test('is missing if there is none', () => {
    expect(kindsWith(() => undefined)).toEqual(['missing']);
  });
});

test('an occurrence is started again by another workflow if its Temporal Schedule was changed', () => {
  const kindsWith = (tampered: string[]) => {
    const log = cleanLog();
    for (const fault of log.faults) fault.effect = { tampered };
    const run = runOf(idOf(PLAIN), at(305));
    const id = idOf(801);
    for (const entry of [recordOf(log, run), workflowOf(log, run)]) {
      if ('id' in entry) entry.id = id;
      else log.workflows.push({ ...entry, workflowId: `scheduler-run-${id}`, executionId: 'another' });
    }
    workflowOf(log, run).status = 'FAILED';
    for (const call of log.calls) if (call.run === run) Object.assign(call, { run: id, key: id });
    return kindsOf(log);
  };
  expect(kindsWith([idOf(PLAIN)])).toEqual([]);
  expect(kindsWith([idOf(IMPATIENT)])).toContain('phantom');
});

describe('a call that was made again', () => {
  const again = () => {
    const log = cleanLog();
    const call = log.calls.find(
      ({ at: time, job }) => job === idOf(PLAIN) && time > FAULT.startedAt,
    ) as TargetCall;
    callAgain(log, call, 9_000);
    return { log, record: recordOf(log, call.run) };
  };
  test('is recorded beside the one that was lost', () => {
    const { log, record } = again();
    expect(kindsOf(log)).toEqual([]);
    const [lost] = record.attempts as [RunRecord['attempts'][0]];
    // The call of one that died too soon never arrives.
    record.attempts.push(lost);
    expect(kindsOf(log)).toEqual([]);
    record.attempts = record.attempts.filter(({ outcome }) => outcome !== 'lost');
    expect(kindsOf(log)).toEqual(['unrecorded']);
  });
});
