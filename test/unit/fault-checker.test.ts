import { describe, expect, test } from '@jest/globals';
import { check } from '../faults/check.ts';
import type { FindingKind } from '../faults/findings.ts';
import type { FaultLog, OperationRecord, TargetCall } from '../faults/log.ts';
import {
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

// One error is planted in a log without errors, and the checker must report it under the right kind. Each error is planted
// at many random places.
const PLACES = 40;

const JOBS: PlannedJob[] = [
  { traits: traitsWith(), steps: [['create', 10.3, { kind: 'every', seconds: 4, offset: 1 }]] },
  { traits: traitsWith({ overlap: 'bufferAll' }), steps: [['create', 20.3, { kind: 'cron', step: 7 }]] },
  {
    traits: traitsWith({ overlap: 'skip' }),
    steps: [['create', 30.3, { kind: 'every', seconds: 5, offset: 0 }]],
  },
  {
    traits: traitsWith(),
    steps: [
      ['create', 12.3, { kind: 'every', seconds: 6, offset: 2 }],
      ['pause', 100.5],
      ['resume', 160.5],
      ['run', 200.5],
      ['delete', 450.5],
    ],
  },
  {
    traits: traitsWith({ overlap: 'bufferAll' }),
    steps: [
      ['create', 15.3, { kind: 'every', seconds: 9, offset: 3 }],
      ['change', 250.5, { kind: 'cron', step: 8 }],
      ['label', 260.5],
    ],
  },
  {
    traits: traitsWith(),
    steps: [
      ['create', 40.3, { kind: 'at', instants: [60, 61, 90, 150].map((second) => BEGIN + second * 1_000) }],
    ],
  },
];

const cleanLog = () => cleanLogOf(JOBS);
/** A Temporal Schedule, as far as the checker compares it. */
const HELD = {
  paused: false,
  overlap: 'allowAll',
  taskQueue: 'scheduler',
  intervals: [[6_000, 2_000] as [number, number]],
  calendars: 0,
};

const isNearChange = (call: TargetCall) =>
  JOBS[Number(call.job.slice(-12))]?.steps.some(
    ([, second]) => Math.abs(BEGIN + second * 1_000 - call.scheduledAt) < 40_000,
  );
const isNearFault = ({ at }: TargetCall) => at > FAULT.startedAt - 10_000 && at < FAULT.endedAt + 40_000;
/** A call of an occurrence without a fault or a change of its job nearby. */
const pickCall = (log: FaultLog, random: Random, wanted: (call: TargetCall) => boolean = () => true) =>
  random.pick(
    log.calls.filter(
      (call) => call.run.startsWith('run of') && !isNearChange(call) && !isNearFault(call) && wanted(call),
    ),
  );
const workflowOf = (log: FaultLog, { run }: TargetCall) =>
  log.workflows.find(({ executionId }) => executionId === `execution of ${run}`) as FaultLog['workflows'][0];
const runRecordOf = (log: FaultLog, { run }: TargetCall) =>
  log.runs.find(({ id }) => id === run) as FaultLog['runs'][0];

const pauseRunOf = (log: FaultLog) =>
  log.runs.find(({ pause }) => pause) as FaultLog['runs'][0] & { pause: { until: number; count: number } };

/** Gives the first occurrence of a pause its own row, without counting it in the pause. */
function withoutFirst(run: ReturnType<typeof pauseRunOf>): void {
  run.scheduledAt += 6_000;
  run.pause.count--;
}

/** Plants an error at many places, each in its own log. Returns the kinds of findings for each. */
function plant(spoil: (log: FaultLog, random: Random) => void): FindingKind[][] {
  return Array.from({ length: PLACES }, (_, seed) => {
    const log = cleanLog();
    spoil(log, createRandom(seed));
    return [...new Set(check(log).findings.map(({ kind }) => kind))];
  });
}
const everywhere = (...kinds: FindingKind[]) => Array.from({ length: PLACES }, () => kinds);

test('a log without errors has no findings, and its figures are right', () => {
  const report = check(cleanLog());
  expect(report.findings).toEqual([]);
  expect(report.passed).toBe(true);
  expect(report.figures.calledOccurrences).toBe(report.figures.expectedOccurrences);
  expect(report.figures.expectedOccurrences).toBeGreaterThan(400);
  expect(report.figures).toMatchObject({ expectedManualRuns: 1, calledManualRuns: 1, repeatedCalls: 0 });
  expect(report.recovery['kill worker']).toEqual({ count: 1, median: 2_000, p99: 2_000, max: 2_000 });
});

describe('missing:', () => {
  test('an occurrence without any trace', () => {
    expect(plant((log, random) => dropRun(log, pickCall(log, random).run))).toEqual(everywhere('missing'));
  });
  test('an occurrence whose workflow completed and whose run is recorded, without a call', () => {
    expect(
      plant((log, random) => {
        const { run } = pickCall(log, random);
        log.calls = log.calls.filter((call) => call.run !== run);
      }),
    ).toEqual(everywhere('missing'));
  });
  test('an occurrence near a fault', () => {
    expect(
      plant((log, random) => {
        const beside = log.calls.filter(
          (call) => isNearFault(call) && !isNearChange(call) && call.job !== idOf(2),
        );
        dropRun(log, random.pick(beside).run);
      }),
    ).toEqual(everywhere('missing'));
  });
  test('a skipped occurrence of a job that skips none, or without an overlap', () => {
    const skip = (log: FaultLog, call: TargetCall) => {
      log.calls = log.calls.filter(({ run }) => run !== call.run);
      runRecordOf(log, call).state = 'skipped';
    };
    expect(plant((log, random) => skip(log, pickCall(log, random)))).toEqual(everywhere('missing'));
  });
  test('a manual run', () => {
    expect(plant((log) => dropRun(log, idOf(903)))).toEqual(everywhere('missing'));
  });
  test('an occurrence of the old schedule just before its change', () => {
    expect(plant((log) => dropRun(log, runOf(idOf(4), BEGIN + 246_000)))).toEqual(everywhere('missing'));
  });
});

describe('doubled:', () => {
  test('two runs of one occurrence', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random);
        log.calls.push({ ...call, at: call.at + 50, run: 'another', key: 'another' });
        log.runs.push({ ...runRecordOf(log, call), id: 'another' });
      }),
    ).toEqual(everywhere('duplicate'));
  });
  test('two workflows in Temporal, even if one of them made no call', () => {
    expect(
      plant((log, random) => {
        const workflow = workflowOf(log, pickCall(log, random));
        log.workflows.push({ ...workflow, executionId: 'another' });
      }),
    ).toEqual(everywhere('duplicate'));
  });
  test('a run that calls for two occurrences, or with two keys', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random);
        const spoilt = random.pick([{ key: 'another' }, { scheduledAt: call.scheduledAt - 500 }]);
        log.calls.push({ ...call, at: FAULT.startedAt, ...spoilt });
      }).every((kinds) => kinds.includes('duplicate')),
    ).toBe(true);
  });
  test('a repeated call without a fault nearby; near a fault it is counted', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random);
        callAgain(log, call, 900);
      }),
    ).toEqual(everywhere('repeated'));
    const log = cleanLog();
    const call = log.calls.find(({ at }) => at > FAULT.startedAt) as TargetCall;
    callAgain(log, call, 9_000);
    expect(check(log)).toMatchObject({ passed: true, figures: { repeatedCalls: 1 } });
  });
});

describe('unexpected:', () => {
  test('an occurrence between two others', () => {
    expect(
      plant((log, random) => {
        const { job, scheduledAt } = pickCall(log, random, (call) => call.job !== idOf(5));
        addRun(log, job, scheduledAt + 1_000, 'phantom', 'schedule');
      }),
    ).toEqual(everywhere('phantom'));
  });
  test('a shifted occurrence, which is missing at its own time as well', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random, ({ job }) => job !== idOf(5));
        dropRun(log, call.run);
        addRun(log, call.job, call.scheduledAt + random.pick([-1, 1]) * 1_000, 'shifted', 'schedule');
      }),
    ).toEqual(everywhere('missing', 'phantom'));
  });
  test('a call of a paused or deleted job, after the last instant, or by an old schedule', () => {
    const instants: [number, number][] = [
      [3, 128],
      [3, 500],
      [5, 151],
      [4, 309],
    ];
    for (const [job, second] of instants) {
      const log = cleanLog();
      addRun(log, idOf(job), BEGIN + second * 1_000, 'phantom', 'schedule');
      expect(check(log).findings.map(({ kind }) => kind)).toEqual(['phantom']);
    }
  });
  test('a call of an unknown job, and a run that was never returned', () => {
    const log = cleanLog();
    addRun(log, idOf(77), BEGIN + 60_000, 'phantom', 'schedule');
    addRun(log, idOf(0), BEGIN + 60_500, idOf(999), 'run');
    expect(check(log).findings.map(({ kind }) => kind)).toEqual(['phantom', 'phantom']);
  });
  test('a workflow without a call, unless it was skipped near a pause', () => {
    const withSkipped = (second: number) => {
      const log = cleanLog();
      const at = BEGIN + second * 1_000;
      if (second === 104) withoutFirst(pauseRunOf(log));
      addRun(log, idOf(3), at, 'skipped', 'schedule');
      log.calls = log.calls.filter(({ run }) => run !== 'skipped');
      for (const run of log.runs) if (run.id === 'skipped') run.state = 'skipped';
      for (const workflow of log.workflows)
        if (workflow.executionId === 'execution of skipped') workflow.resultState = 'skipped';
      return check(log).findings.map(({ kind }) => kind);
    };
    expect(withSkipped(104)).toEqual([]);
    expect(withSkipped(128)).toEqual(['phantom']);
  });
});

describe('an occurrence within a pause', () => {
  const spoilt = (spoil: (pause: ReturnType<typeof pauseRunOf>, log: FaultLog) => void) => {
    const log = cleanLog();
    spoil(pauseRunOf(log), log);
    return [...new Set(check(log).findings.map(({ kind }) => kind))];
  };

  test('is reported if it is not recorded', () => {
    expect(spoilt((run, log) => (log.runs = log.runs.filter((other) => other !== run)))).toEqual(['silent']);
    expect(spoilt((run) => Object.assign(run.pause, { until: run.pause.until - 12_000, count: 8 }))).toEqual([
      'silent',
    ]);
  });
  test('is reported if the count is wrong', () => {
    expect(spoilt((run) => run.pause.count++)).toEqual(['state']);
    expect(spoilt((run) => (run.pause.count -= 2))).toEqual(['state']);
  });
  test('may be recorded a little later while the pause lasts', () => {
    const kinds = (spoil: (run: ReturnType<typeof pauseRunOf>) => void) => {
      const log = cleanLog();
      log.operations = log.operations.filter(
        ({ jobId, kind }) => jobId !== idOf(3) || ['create', 'pause'].includes(kind),
      );
      for (const { run, job, scheduledAt } of [...log.calls])
        if (job === idOf(3) && scheduledAt > BEGIN + 100_500) dropRun(log, run);
      for (const job of log.jobs)
        if (job.id === idOf(3))
          Object.assign(job, {
            state: 'paused',
            deleted: false,
            held: { ...HELD, paused: true, intervals: [[6_000, 2_000]] },
          });
      spoil(pauseRunOf(log));
      return [...new Set(check(log).findings.map(({ kind }) => kind))];
    };
    const upTo = (until: number) => (run: ReturnType<typeof pauseRunOf>) => {
      run.pause = { until, count: (until - run.scheduledAt) / 6_000 + 1 };
    };
    expect(kinds(upTo(BEGIN + 104_000 + 70 * 6_000))).toEqual([]);
    expect(kinds(upTo(BEGIN + 104_000 + 50 * 6_000))).toEqual(['silent']);
  });
});

describe('late, stuck or lost:', () => {
  test('a call long after its time, unless a fault delayed it', () => {
    expect(
      plant((log, random) => {
        pickCall(log, random, ({ at }) => at < FAULT.startedAt - 70_000 || at > FAULT.endedAt).at += 31_000;
      }),
    ).toEqual(everywhere('late'));
    const log = cleanLog();
    (log.calls.find(({ at }) => at > FAULT.startedAt) as TargetCall).at = FAULT.endedAt + 29_000;
    expect(check(log).counts.late).toBe(0);
  });
  test('a run, a workflow, and a job that is never synced', () => {
    expect(
      plant((log, random) => {
        const call = pickCall(log, random);
        random.pick<() => void>([
          () => (runRecordOf(log, call).state = random.pick(['queued', 'running'])),
          () => (workflowOf(log, call).status = 'RUNNING'),
          () => (random.pick(log.jobs).synced = false),
        ])();
      }),
    ).toEqual(everywhere('stuck'));
  });
  test('a lost change, a job that is back, a schedule without a job', () => {
    const spoils: ((jobs: FaultLog['jobs']) => void)[] = [
      ([job]) =>
        job &&
        Object.assign(job, {
          schedule: { kind: 'every', seconds: 4, offset: 2 },
          held: { ...HELD, intervals: [[4_000, 2_000]] },
        }),
      ([job]) => job && Object.assign(job, { state: 'paused', held: { ...job.held, paused: true } }),
      ([job]) => job && (job.held = null),
      (jobs) => jobs.splice(0, 1),
      ([, , , job]) => job && (job.held = HELD),
      ([, , , job]) => job && Object.assign(job, { deleted: false, held: HELD }),
    ];
    for (const spoil of spoils) {
      const log = cleanLog();
      spoil(log.jobs);
      expect(check(log).findings.map(({ kind }) => kind)).toEqual(['state']);
    }
  });
  test('a process that ended by itself, and an answer with an unexpected error', () => {
    const log = cleanLog();
    log.exits.push({ at: BEGIN + 1_000, process: 'worker-1', detail: 'an error that nobody caught' });
    const [call] = log.operations[0]?.calls ?? [];
    if (call) call.status = 500;
    expect(check(log)).toMatchObject({ passed: false, counts: { state: 2 } });
  });
  test('a service that did not recover in time', () => {
    for (const readyAt of [null, FAULT.endedAt + 30_001]) {
      const log = cleanLog();
      for (const { recovery } of log.faults) recovery.readyAt = readyAt;
      expect(check(log)).toMatchObject({ passed: false, counts: { recovery: 1 } });
    }
  });
});

describe('an operation with an uncertain effect:', () => {
  const spoilPause = (change: (pause: OperationRecord) => void) => {
    const log = cleanLog();
    change(log.operations.find(({ kind }) => kind === 'pause') as OperationRecord);
    return log;
  };
  test('while it is in progress, both outcomes are right', () => {
    const log = spoilPause(({ calls }) => calls[0] && (calls[0].endedAt += 20_000));
    withoutFirst(pauseRunOf(log));
    for (const second of [104, 116])
      addRun(log, idOf(3), BEGIN + second * 1_000, `extra ${second}`, 'schedule');
    expect(check(log).findings).toEqual([]);
    addRun(log, idOf(3), BEGIN + 128_000, 'phantom', 'schedule');
    expect(check(log).findings.map(({ kind }) => kind)).toEqual(['phantom']);
  });
  test('a refused operation changes nothing', () => {
    const log = spoilPause((pause) => (pause.outcome = 'refused'));
    expect(check(log).counts.missing).toBeGreaterThan(5);
  });
});
