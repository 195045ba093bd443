import { describe, expect, test } from '@jest/globals';
import { check } from '../faults/check.ts';
import type { FindingKind } from '../faults/findings.ts';
import type { FaultLog, FaultRecord, OperationRecord, RunRecord, TargetCall } from '../faults/log.ts';
import {
  addHook,
  addRun,
  BEGIN,
  callAgain,
  cleanLog as cleanLogOf,
  dropRun,
  FAULT,
  idOf,
  runOf,
  traitsWith,
  type PlannedJob,
} from '../support/clean-fault-log.ts';
import { createRandom, type Random } from '../support/random.ts';

// Errors of limits, hooks, attempts, cancellations, backfills and the edges of pauses, each planted at many random places in a
// log without errors.
const PLACES = 40;

const [LIMITED, RATED, HOOKS, BUSY, HANGING, MAX_RUNS, EDGE, ZONED, PLAIN, ALONE] = [
  0, 2, 3, 4, 5, 6, 7, 8, 9, 10,
];
const TWO = { key: 'two', maxConcurrent: 2 };

const JOBS: PlannedJob[] = [
  {
    traits: traitsWith({ script: 'slow', limits: TWO }),
    steps: [['create', 10.3, { kind: 'every', seconds: 6, offset: 0 }]],
  },
  {
    traits: traitsWith({ script: 'slow', limits: TWO }),
    steps: [['create', 10.3, { kind: 'every', seconds: 6, offset: 1 }]],
  },
  {
    traits: traitsWith({ limits: { key: 'rate', rate: { max: 2, perMs: 4_000 } } }),
    steps: [['create', 10.3, { kind: 'every', seconds: 3, offset: 0 }]],
  },
  {
    traits: traitsWith({ overlap: 'bufferAll', script: 'spells', hookAfter: 2, maxAttempts: 1 }),
    steps: [['create', 10.3, { kind: 'every', seconds: 3, offset: 1 }]],
  },
  {
    traits: traitsWith({ script: 'busy' }),
    steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 0 }]],
  },
  {
    traits: traitsWith({ script: 'hanging', timeoutMs: 4_000 }),
    steps: [['create', 10.3, { kind: 'every', seconds: 4, offset: 0 }]],
  },
  { traits: traitsWith(), steps: [['create', 10.3, { kind: 'every', seconds: 5, offset: 2, maxRuns: 20 }]] },
  {
    traits: traitsWith(),
    steps: [
      ['create', 10.3, { kind: 'every', seconds: 2, offset: 0 }],
      ['pause', 100.5, undefined, 121],
      ['change', 140.5, { kind: 'every', seconds: 3, offset: 0 }],
    ],
  },
  {
    traits: traitsWith(),
    steps: [
      [
        'create',
        10.3,
        {
          kind: 'cron',
          step: 7,
          evenMinutesIn: 'Asia/Kathmandu',
          excludedSeconds: [20, 30],
          startAt: BEGIN + 90_000,
        },
      ],
    ],
  },
  {
    traits: traitsWith({ script: 'slow' }),
    steps: [
      ['create', 10.3, { kind: 'every', seconds: 9, offset: 0 }],
      ['retry', 200.5],
    ],
  },
  {
    traits: traitsWith({ limits: { key: 'one', maxConcurrent: 1 } }),
    steps: [['create', 10.3, { kind: 'every', seconds: 6, offset: 2 }]],
  },
];

/** A log in which one client has cancelled a run, and another one has backfilled three. */
function cleanLog(): FaultLog {
  const log = cleanLogOf(JOBS);
  const [template] = log.operations as [OperationRecord];
  const at = BEGIN + 72_000;
  const cancelled = runOf(idOf(PLAIN), at);
  const cancelledAt = at + 1_000;
  const ask = (calledAt: number) => [{ ...callOf(template), calledAt, endedAt: calledAt + 50 }];
  log.operations.push({
    ...{ ...template, id: 'cancel', kind: 'cancel', jobId: idOf(PLAIN), schedule: null, traits: null },
    ...{ runId: cancelled, calls: ask(cancelledAt) },
  });
  for (const call of log.calls)
    if (call.run === cancelled) Object.assign(call, { status: null, endedAt: cancelledAt + 900 });
  for (const run of log.runs)
    if (run.id === cancelled) Object.assign(run, { state: 'cancelled', endedAt: cancelledAt + 950 });

  const [from, to] = [BEGIN + 400_000, BEGIN + 428_000];
  log.operations.push({
    ...{ ...template, id: 'backfill', kind: 'backfill', jobId: idOf(PLAIN), traits: null },
    ...{ schedule: { kind: 'every', seconds: 9, offset: 0 }, calls: ask(to + 2_000) },
    backfill: { from, to, id: 'a backfill', count: 3 },
  });
  for (const second of [405, 414, 423]) {
    addRun(log, idOf(PLAIN), BEGIN + second * 1_000, idOf(700 + second), 'backfill');
    const run = log.runs[log.runs.length - 1] as RunRecord;
    run.backfill = 'a backfill';
    for (const call of log.calls)
      if (call.run === run.id) Object.assign(call, { at: to + 3_000, endedAt: to + 3_005 });
  }
  return log;
}

const callOf = ({ calls }: OperationRecord) => calls[0] as OperationRecord['calls'][0];
const isNearFault = ({ at }: TargetCall) => at > FAULT.startedAt - 20_000 && at < FAULT.endedAt + 40_000;
const pickCall = (
  log: FaultLog,
  random: Random,
  job: number,
  wanted: (call: TargetCall) => boolean = () => true,
) =>
  random.pick(
    log.calls.filter(
      (call) => call.job === idOf(job) && call.run.startsWith('run of') && !isNearFault(call) && wanted(call),
    ),
  );
const recordOf = (log: FaultLog, run: string) => log.runs.find(({ id }) => id === run) as RunRecord;

/** Plants an error at many places, each in its own log. Returns the kinds of findings for each. */
function plant(spoil: (log: FaultLog, random: Random) => void): FindingKind[][] {
  return Array.from({ length: PLACES }, (_, seed) => {
    const log = cleanLog();
    spoil(log, createRandom(seed));
    return [...new Set(check(log).findings.map(({ kind }) => kind))].sort();
  });
}
const everywhere = (...kinds: FindingKind[]) => Array.from({ length: PLACES }, () => kinds);
const kindsOf = (log: FaultLog) => [...new Set(check(log).findings.map(({ kind }) => kind))];

test('a log without errors has no findings', () => {
  const report = check(cleanLog());
  expect(report.findings).toEqual([]);
  expect(report.figures.calledOccurrences + report.figures.excusedOccurrences).toBe(
    report.figures.expectedOccurrences,
  );
  expect(report.figures.hookCalls).toBeGreaterThan(20);
});

describe('over a limit:', () => {
  /** A third call while two of one key go on. */
  const third = (log: FaultLog, random: Random, wanted?: (call: TargetCall) => boolean) => {
    const call = random.pick(
      log.calls.filter(
        (one) =>
          one.job === idOf(LIMITED) &&
          one.run.startsWith('run of') &&
          (wanted ?? ((other) => !isNearFault(other)))(one),
      ),
    );
    // The other job calls a second later.
    const moved = log.calls.find(({ at, job }) => job === idOf(LIMITED) && at === call.at) as TargetCall;
    moved.endedAt = call.at + 7_000;
    const beside = log.calls.find(({ at, job }) => job === idOf(LIMITED + 1) && at > call.at) as TargetCall;
    beside.endedAt = beside.at + 6_000;
  };
  test('more calls at once than allowed', () => {
    expect(plant((log, random) => third(log, random))).toEqual(everywhere('overLimit'));
  });
  test('near a frozen worker it is counted', () => {
    const log = cleanLog();
    for (const fault of log.faults) fault.kind = 'stop worker for 5 s';
    third(log, createRandom(1), ({ at }) => at > FAULT.startedAt - 3_000 && at < FAULT.startedAt + 1_500);
    const { findings, figures } = check(log);
    expect(findings).toEqual([]);
    expect(figures.overLimitNearFreeze).toBeGreaterThan(0);
  });
  test('more calls in a time than allowed', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random, RATED, ({ at }) => at < BEGIN + 580_000);
        Object.assign(call, { at: call.at + 2_500, endedAt: call.at + 2_505 });
      }),
    ).toEqual(everywhere('overLimit'));
  });
  test('a call that goes on for the target alone is over for its caller', () => {
    const log = cleanLog();
    const first = pickCall(log, createRandom(1), BUSY);
    const lostAt = first.at + 2;
    Object.assign(first, { status: null, endedAt: first.at + 5_000 });
    log.calls.push({ ...first, at: lostAt + 500, endedAt: lostAt + 510, status: 200 });
    const [template] = log.faults as [FaultRecord];
    const fault = { ...template, kind: 'half-open to the target', startedAt: lostAt, endedAt: lostAt };
    log.faults.push({ ...fault, effect: { endsCalls: false } });
    expect(kindsOf(log)).toContain('concurrent');
    log.faults.push({ ...fault, effect: { endsCalls: true } });
    expect(kindsOf(log)).not.toContain('concurrent');
  });
  test('a fencing token that does not grow', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random, ALONE, ({ at }) => at > BEGIN + 30_000);
        call.token = (call.token ?? 0) - random.integer(3, 4);
      }),
    ).toEqual(everywhere('token'));
    // The later of two that are allowed at once may end first.
    const log = cleanLog();
    const call = pickCall(log, createRandom(1), LIMITED, ({ at }) => at > BEGIN + 30_000);
    call.token = (call.token ?? 0) - 3;
    expect(kindsOf(log)).toEqual([]);
  });
});

describe('attempts:', () => {
  test('two calls of one run at once, unless a worker was frozen', () => {
    const twice = (log: FaultLog, random: Random, wanted?: (call: TargetCall) => boolean) => {
      const call = random.pick(
        log.calls.filter((one) => one.job === idOf(PLAIN) && (wanted?.(one) ?? isNearKill(one))),
      );
      callAgain(log, call, 1_000, (call.endedAt ?? 0) - call.at);
    };
    const isNearKill = ({ at }: TargetCall) => at > FAULT.startedAt - 2_000 && at < FAULT.endedAt + 4_000;
    expect(plant((log, random) => twice(log, random))).toEqual(everywhere('concurrent'));
    const log = cleanLog();
    for (const fault of log.faults) fault.kind = 'stop worker for 5 s';
    twice(log, createRandom(1), isNearKill);
    expect(check(log)).toMatchObject({ findings: [], figures: { concurrentNearFreeze: 1 } });
  });
  test('an attempt after one that succeeded, or too soon after a Retry-After', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random, BUSY, ({ attempt }) => attempt === 2);
        if (random.chance(0.5)) call.at -= 500;
        else
          for (const first of log.calls)
            if (first.run === call.run && first.attempt === 1)
              Object.assign(first, { status: 200, retryAfter: undefined });
      }),
    ).toEqual(everywhere('repeated'));
  });
  test('one without a record, and a run without a record', () => {
    expect(
      plant((log, random) => {
        const { run } = pickCall(log, random, BUSY, ({ attempt }) => attempt === 2);
        if (random.chance(0.5)) recordOf(log, run).attempts.shift();
        else log.runs = log.runs.filter(({ id }) => id !== run);
      }),
    ).toEqual(everywhere('unrecorded'));
  });
  test('a state that its calls do not mean', () => {
    const spoils: ((log: FaultLog, random: Random) => void)[] = [
      (log, random) =>
        Object.assign(recordOf(log, pickCall(log, random, PLAIN).run), {
          state: 'failed',
          reasonCode: 'attemptFailed',
        }),
      (log, random) =>
        (recordOf(log, pickCall(log, random, HANGING, ({ status }) => status === null).run).state =
          'succeeded'),
      (log, random) =>
        (recordOf(log, pickCall(log, random, HANGING, ({ status }) => status === 200).run).state =
          'timedOut'),
      (log, random) => (recordOf(log, pickCall(log, random, BUSY).run).state = 'cancelled'),
      (log, random) => (recordOf(log, pickCall(log, random, BUSY).run).state = 'skipped'),
    ];
    expect(plant((log, random) => void random.pick(spoils)(log, random))).toEqual(everywhere('state'));
  });
});

describe('a cancelled run', () => {
  const cancelled = (log: FaultLog) => recordOf(log, runOf(idOf(PLAIN), BEGIN + 72_000));
  test('that is called again, or ends otherwise', () => {
    expect(
      plant((log, random) => {
        const run = cancelled(log);
        const call = log.calls.find((one) => one.run === run.id) as TargetCall;
        const at = call.at + random.integer(6_000, 30_000);
        log.calls.push({ ...call, at, endedAt: at + 50 });
      }).every((kinds) => kinds.includes('cancelled')),
    ).toBe(true);
    const log = cleanLog();
    Object.assign(cancelled(log), { state: 'succeeded' });
    expect(kindsOf(log)).toContain('cancelled');
  });
  test('is right if nobody but its client asked for it', () => {
    const log = cleanLog();
    log.operations = log.operations.filter(({ kind }) => kind !== 'cancel');
    expect(kindsOf(log)).toEqual(['state']);
  });
});

describe('hooks:', () => {
  const hooks = (log: FaultLog) => log.runs.filter(({ cause }) => cause !== undefined);
  test('one that is missing, twice, without a call, or for another run', () => {
    const spoils: ((log: FaultLog, random: Random) => void)[] = [
      (log, random) => dropRun(log, random.pick(hooks(log)).id),
      (log, random) => {
        const { trigger, cause } = random.pick(hooks(log));
        addHook(log, recordOf(log, cause ?? ''), trigger, 'another');
      },
      (log, random) => {
        const { id } = random.pick(hooks(log));
        log.calls = log.calls.filter(({ run }) => run !== id);
      },
      (log, random) => {
        const other = pickCall(log, random, HOOKS).run;
        const { id } = random.pick(hooks(log).filter(({ cause }) => cause !== other));
        for (const call of log.calls)
          if (call.run === id && call.hook) call.hook = { ...call.hook, cause: other };
      },
    ];
    expect(plant((log, random) => random.pick(spoils)(log, random))).toEqual(everywhere('hook'));
  });
  test('a resumed job counts its failures from the beginning', () => {
    const log = cleanLog();
    const [template] = log.operations as [OperationRecord];
    const [first] = hooks(log).filter(({ trigger }) => trigger === 'onFailure') as [RunRecord];
    const cause = recordOf(log, first.cause ?? '');
    const calledAt = (cause.endedAt ?? 0) - 1_000;
    log.operations.push({
      ...{ ...template, id: 'resume', kind: 'resume', jobId: idOf(HOOKS), schedule: null, traits: null },
      calls: [{ ...callOf(template), calledAt, endedAt: calledAt + 50 }],
    });
    expect(kindsOf(log)).toEqual([]);
    // The next failure is the second one then.
    const next = recordOf(log, runOf(idOf(HOOKS), cause.scheduledAt + 3_000));
    dropRun(log, first.id);
    addHook(log, next, 'onFailure');
    expect(kindsOf(log)).toEqual([]);
  });
});

describe('backfills and retries:', () => {
  test('a run that is missing, not called, or not due', () => {
    const runs = (log: FaultLog) => log.runs.filter(({ backfill }) => backfill !== undefined);
    expect(
      plant((log, random) => {
        const { id } = random.pick(runs(log));
        if (random.chance(0.5)) dropRun(log, id);
        else log.calls = log.calls.filter(({ run }) => run !== id);
      }),
    ).toEqual(everywhere('missing'));
    const log = cleanLog();
    const [run] = runs(log) as [RunRecord];
    addRun(log, run.job, run.scheduledAt + 4_000, idOf(799), 'backfill');
    recordOf(log, idOf(799)).backfill = run.backfill as string;
    expect(kindsOf(log)).toEqual(['phantom']);
  });
  test('a retry without a call', () => {
    expect(plant((log) => dropRun(log, idOf(900 + PLAIN)))).toEqual(everywhere('missing'));
  });
});

describe('schedules:', () => {
  test('more runs than maxRuns, or fewer', () => {
    const last = BEGIN + 12_000 + 19 * 5_000;
    const log = cleanLog();
    addRun(log, idOf(MAX_RUNS), last + 5_000, runOf(idOf(MAX_RUNS), last + 5_000), 'schedule');
    expect(kindsOf(log)).toEqual(['phantom']);
    expect(
      plant((other, random) => dropRun(other, pickCall(other, random, MAX_RUNS).run)).every((kinds) =>
        kinds.includes('missing'),
      ),
    ).toBe(true);
  });
  test('an occurrence after a pause that ended by itself, before the schedule was changed', () => {
    const due = [124, 126, 128, 130, 132, 134, 136, 138];
    expect(plant((log, random) => dropRun(log, runOf(idOf(EDGE), BEGIN + random.pick(due) * 1_000)))).toEqual(
      everywhere('missing'),
    );
    // By the new schedule, before it held.
    expect(
      plant((log, random) => {
        const at = BEGIN + random.pick([123, 129, 135]) * 1_000;
        addRun(log, idOf(EDGE), at, runOf(idOf(EDGE), at), 'schedule');
      }),
    ).toEqual(everywhere('phantom'));
  });
  test('an occurrence in another zone, at an excluded second, or before its start', () => {
    for (const second of [35, 63, 141, 147]) {
      const log = cleanLog();
      addRun(log, idOf(ZONED), BEGIN + second * 1_000, 'phantom', 'schedule');
      expect([second, kindsOf(log)]).toEqual([second, ['phantom']]);
    }
  });
});

test('a Temporal Schedule that differs from its job', () => {
  expect(
    plant((log, random) => {
      const { held } = random.pick(log.jobs.filter((job) => job.held));
      if (!held) return;
      random.pick<() => void>([
        () => (held.paused = true),
        () => (held.overlap = 'unspecified'),
        () => (held.taskQueue = 'another'),
        () => held.intervals.push([2_000, 0]),
        () => (held.calendars += 1),
      ])();
    }),
  ).toEqual(everywhere('drift'));
});
