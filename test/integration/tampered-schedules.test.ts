import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Job } from '../../domain/job/job.ts';
import type { Run } from '../../domain/run/run.ts';
import { apiClient } from '../support/client.ts';
import { untilSynced } from '../support/job-state.ts';
import { parseMetrics } from '../support/parse-metrics.ts';
import { createStack, type ServiceProcess, type Stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

// What somebody changes in Temporal by hand, with the schedule's note as it was.

let stack: Stack;
let api: ReturnType<typeof apiClient>;
let worker: ServiceProcess;

beforeAll(async () => {
  stack = await createStack('tampered-schedules');
  const [service, started] = await Promise.all([
    stack.startApi(),
    stack.startWorker({ SWEEP_INTERVAL_SECONDS: '2' }),
  ]);
  worker = started;
  api = apiClient(service.url);
});
afterAll(() => stack.stop());

type Description = Awaited<ReturnType<Stack['temporal']['workflowService']['describeSchedule']>>;
type Schedule = NonNullable<Description['schedule']>;
type Part<Name extends keyof Schedule> = NonNullable<Schedule[Name]>;
type Start = NonNullable<Part<'action'>['startWorkflow']>;

/** A type of messages, as protobufjs describes it. */
interface MessageType {
  fields: Record<string, { resolve: () => { resolvedType: MessageType | null } }>;
}

const idOf = (jobId: string) => `scheduler-job-${jobId}`;
const call = () => ({ namespace: 'tampered-schedules', identity: 'an operator' });
const describeRaw = async (jobId: string): Promise<Schedule> => {
  const description = await waitFor('the description of the schedule', () =>
    stack.temporal
      .withDeadline(Date.now() + 5_000, () =>
        stack.temporal.workflowService.describeSchedule({ ...call(), scheduleId: idOf(jobId) }),
      )
      .catch(() => undefined),
  );
  return description.schedule as Schedule;
};
/** Changes a schedule as the Web UI does: describes it, changes it and sends all of it. */
async function tamper(jobId: string, change: (schedule: Schedule, start: Start) => void): Promise<void> {
  const schedule = await describeRaw(jobId);
  change(schedule, schedule.action?.startWorkflow as Start);
  await stack.temporal.workflowService.updateSchedule({ ...call(), scheduleId: idOf(jobId), schedule });
}
/** Waits for a repair, later than the one at `after` if there was one. */
const untilHealed = (jobId: string, after: string | null = null) =>
  waitFor(
    'the drift to be repaired',
    async () => {
      const job = await api.getJob(jobId);
      const { healedAt, state } = job.sync;
      return healedAt !== null && healedAt !== after && state === 'synced' ? job : undefined;
    },
    60_000,
  );

const json = (value: unknown) => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
});
const seconds = (count: number) => ({ seconds: count as never });
const at = (time: string) => seconds(Date.parse(time) / 1_000);
/** A file of the tz database with UTC alone: its header, one type of local time, and its name. */
const TIME_ZONE = Buffer.concat([
  Buffer.from('TZif'),
  Buffer.alloc(16),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 4]),
  Buffer.from([0, 0, 0, 0, 0, 0]),
  Buffer.from('UTC\0'),
]);

type Change = (schedule: { [Name in keyof Schedule]-?: Part<Name> }, start: Start) => void;

/** A change of each field that `UpdateSchedule` takes, and the fields in which Temporal then shows it. */
const CHANGES: Record<string, { change: Change; shows?: string[] } | 'refused'> = {
  'spec.structuredCalendar': {
    change: ({ spec }) => void spec.structuredCalendar?.push({ hour: [{ start: 7, end: 7, step: 1 }] }),
  },
  'spec.cronString': {
    change: ({ spec }) => void (spec.cronString = ['0 3 * * *']),
    shows: ['spec.structuredCalendar'],
  },
  'spec.calendar': {
    change: ({ spec }) => void (spec.calendar = [{ hour: '3' }]),
    shows: ['spec.structuredCalendar'],
  },
  'spec.interval': { change: ({ spec }) => void (spec.interval = [{ interval: seconds(86_400 * 300) }]) },
  'spec.excludeCalendar': {
    change: ({ spec }) => void (spec.excludeCalendar = [{ month: '1' }]),
    shows: ['spec.excludeStructuredCalendar'],
  },
  'spec.excludeStructuredCalendar': {
    change: ({ spec }) =>
      void (spec.excludeStructuredCalendar = [{ month: [{ start: 1, end: 1, step: 1 }] }]),
  },
  'spec.startTime': { change: ({ spec }) => void (spec.startTime = at('2030-01-01T00:00:00Z')) },
  'spec.endTime': { change: ({ spec }) => void (spec.endTime = at('2099-01-01T00:00:00Z')) },
  'spec.jitter': { change: ({ spec }) => void (spec.jitter = seconds(3_600)) },
  'spec.timezoneName': { change: ({ spec }) => void (spec.timezoneName = 'Asia/Tokyo') },
  'spec.timezoneData': { change: ({ spec }) => void (spec.timezoneData = TIME_ZONE) },
  'policies.overlapPolicy': { change: ({ policies }) => void (policies.overlapPolicy = 6) },
  'policies.catchupWindow': { change: ({ policies }) => void (policies.catchupWindow = seconds(11)) },
  'policies.pauseOnFailure': { change: ({ policies }) => void (policies.pauseOnFailure = true) },
  'policies.keepOriginalWorkflowId': {
    change: ({ policies }) => void (policies.keepOriginalWorkflowId = true),
  },
  'state.notes': { change: ({ state }) => void (state.notes = 'mine') },
  'state.paused': { change: ({ state }) => void (state.paused = true) },
  'state.limitedActions': { change: ({ state }) => void (state.limitedActions = false) },
  'state.remainingActions': { change: ({ state }) => void (state.remainingActions = 1_000 as never) },
  'action.workflowId': { change: (_, start) => void (start.workflowId = 'another') },
  'action.workflowType': { change: (_, start) => void (start.workflowType = { name: 'another' }) },
  'action.taskQueue': { change: (_, start) => void (start.taskQueue = { name: 'another', kind: 1 }) },
  'action.input': { change: (_, start) => void (start.input = { payloads: [json({ generation: 9_999 })] }) },
  'action.workflowExecutionTimeout': {
    change: (_, start) => void (start.workflowExecutionTimeout = seconds(1)),
  },
  'action.workflowRunTimeout': { change: (_, start) => void (start.workflowRunTimeout = seconds(1)) },
  'action.workflowTaskTimeout': { change: (_, start) => void (start.workflowTaskTimeout = seconds(1)) },
  'action.workflowIdReusePolicy': { change: (_, start) => void (start.workflowIdReusePolicy = 1) },
  'action.retryPolicy': { change: (_, start) => void (start.retryPolicy = { maximumAttempts: 3 }) },
  'action.cronSchedule': 'refused',
  'action.memo': {
    // What no client can decode.
    change: (_, start) =>
      void (start.memo = { fields: { mine: { metadata: { encoding: Buffer.from('odd') } } } }),
  },
  'action.searchAttributes': { change: (_, start) => void (start.searchAttributes = null) },
  'action.header': { change: (_, start) => void (start.header = { fields: { mine: json(1) } }) },
  'action.userMetadata': { change: (_, start) => void (start.userMetadata = { summary: json('mine') }) },
  'action.versioningOverride': {
    change: (_, start) => void (start.versioningOverride = { autoUpgrade: true }),
  },
  'action.priority': { change: (_, start) => void (start.priority = { priorityKey: 1 }) },
};

describe('each field of a schedule', () => {
  const create = (field: string, schedule = {}) =>
    api.createJob({
      name: field,
      schedule: { cron: '0 0 1 1 *', maxRuns: 5, ...schedule },
      target: { type: 'http', url: `${stack.receiver.url}/${field}` },
    });

  test('of the API of Temporal is in this test', async () => {
    const job = await create('all fields');
    const { spec, policies, state, action } = await describeRaw(job.id);
    const typeOf = (message: unknown) => (message as { $type: MessageType }).$type;
    const names = (part: string, type: MessageType) =>
      Object.keys(type.fields).map((name) => `${part}.${name}`);
    const parts = { spec, policies, state, action: action?.startWorkflow };
    const all = Object.entries(parts).flatMap(([part, message]) => names(part, typeOf(message)));
    expect(all.sort()).toEqual(Object.keys(CHANGES).sort());
    // A part, or a kind of action, of a later version.
    expect(Object.keys(typeOf(await describeRaw(job.id)).fields).sort()).toEqual(Object.keys(parts).sort());
    expect(Object.keys(typeOf(action).fields)).toEqual(['startWorkflow']);
  });

  test('is restored within a sweep, which the job, the log and the metrics show', async () => {
    const fields = Object.entries(CHANGES).flatMap(([field, how]) =>
      how === 'refused' ? [] : [{ field, ...how }],
    );
    const cases = await Promise.all(
      fields.map(async (one) => {
        const { id } = await create(one.field);
        await untilSynced(api, id);
        const before = await describeRaw(id);
        await tamper(id, one.change as never);
        return { ...one, id, before };
      }),
    );
    for (const { field, id, before, shows = [field] } of cases) {
      const { sync } = await untilHealed(id);
      expect({ field, drift: sync.drift?.map((drift) => drift.field) }).toEqual({
        field,
        drift: expect.arrayContaining(shows) as unknown,
      });
      expect({ field, schedule: toJson(await describeRaw(id)) }).toEqual({ field, schedule: toJson(before) });
      expect(sync).toMatchObject({ state: 'synced', generation: 1 });
    }
    const jobs = await Promise.all(cases.map(({ id }) => api.getJob(id)));
    const notes = jobs.find(({ name }) => name === 'state.notes')?.sync.drift;
    expect(notes).toEqual([{ field: 'state.notes', found: 'mine', restored: 'generation 1' }]);
    const metrics = parseMetrics(await (await fetch(`${worker.url}/metrics`)).text());
    for (const kind of ['spec', 'policies', 'state', 'action'])
      expect(metrics.value('scheduler_schedule_drift_total', { kind })).toBeGreaterThanOrEqual(
        fields.filter(({ field }) => field.startsWith(kind)).length,
      );
  }, 120_000);

  test('that is as it was written is left alone', async () => {
    const { id } = await create('untouched', {
      jitter: '1m',
      exclude: [{ date: '2030-01-01' }],
      timeZone: 'Europe/Berlin',
    });
    await untilSynced(api, id);
    const updates = async () =>
      (await stack.temporal.workflowService.describeSchedule({ ...call(), scheduleId: idOf(id) })).info
        ?.updateTime;
    const comparisons = async () =>
      parseMetrics(await (await fetch(`${worker.url}/metrics`)).text()).value('scheduler_reconciled_total', {
        step: 'compared',
      }) ?? 0;
    const until = (await comparisons()) + 120;
    await waitFor('some rounds of comparisons', async () => (await comparisons()) > until);
    expect(await updates()).toBeNull();
    expect((await api.getJob(id)).sync).toMatchObject({ healedAt: null, drift: null });
  });

  const toJson = (schedule: Schedule) => JSON.parse(JSON.stringify(schedule)) as unknown;
});

const target = (path: string) => ({ type: 'http', url: stack.receiver.url + path });
const codesOf = async (jobId: string) => (await api.allRuns(jobId)).map(({ reasonCode }) => reasonCode);

describe('what a changed schedule starts', () => {
  test.concurrent('for an instant at which its job is not due calls nothing, and is recorded', async () => {
    const job = await api.createJob({ name: 'hourly', schedule: { every: '1h' }, target: target('/hourly') });
    await tamper(job.id, ({ spec }) => void (spec!.interval = [{ interval: seconds(2) }]));
    const healed = await untilHealed(job.id);
    expect(healed.sync.drift).toMatchObject([
      {
        field: 'spec.interval',
        found: '[{"interval":{"seconds":"2"}}]',
        restored: '[{"interval":{"seconds":"3600"}}]',
      },
    ]);
    await stack.temporal.schedule.getHandle(idOf(job.id)).trigger();
    await waitFor('the run', async () => (await codesOf(job.id)).includes('notAnOccurrence'));
    const runs = await api.allRuns(job.id);
    const due = runs.filter(({ scheduledAt }) => Date.parse(scheduledAt) % 3_600_000 === 0);
    expect(stack.receiver.callsTo('/hourly')).toHaveLength(due.length);
    for (const run of runs.filter((one) => !due.includes(one)))
      expect(run).toMatchObject({ state: 'skipped', reasonCode: 'notAnOccurrence', attempts: [] });
    expect((await api.getJob(job.id)).status.consecutiveFailures).toBe(0);
  });

  test.concurrent('for an instant before its job, by a backfill in Temporal, calls nothing', async () => {
    const job = await api.createJob({ name: 'before', schedule: { every: '1h' }, target: target('/before') });
    const end = new Date(Date.parse(job.createdAt) - 1_000);
    const start = new Date(end.getTime() - 3 * 3_600_000);
    await stack.temporal.schedule.getHandle(idOf(job.id)).backfill({ start, end, overlap: 'ALLOW_ALL' });
    await waitFor('three runs to have ended', async () => {
      const runs = await api.allRuns(job.id);
      return runs.length === 3 && runs.every(({ endedAt }) => endedAt !== null);
    });
    expect(new Set(await codesOf(job.id))).toEqual(new Set(['notAnOccurrence']));
    expect(stack.receiver.callsTo('/before')).toEqual([]);
  });

  /** Between two occurrences: so long that runs one after another keep up on a busy machine. */
  const everyMsOf = (overlap: string) => (overlap === 'bufferAll' ? 3_000 : 1_000);
  /** How often a schedule is changed until a run is started wrongly. */
  const TIMES = 8;
  const whileRecurring = async (
    name: string,
    overlap: string,
    change: (start: Start, other: Job) => void,
  ) => {
    const everyMs = everyMsOf(overlap);
    const other = await api.createJob({
      name: `other than ${name}`,
      schedule: { every: '3s', startAt: '2090-01-01T00:00:00Z' },
      target: target(`/other-than-${name}`),
    });
    const job = await api.createJob({
      name,
      schedule: { every: `${everyMs / 1_000}s` },
      target: target(`/${name}`),
      policy: { overlap },
    });
    await waitFor('a call', () => stack.receiver.callsTo(`/${name}`).length > 0);
    const isStartedAgain = async () =>
      (await api.allRuns(job.id)).some(({ temporal }) => temporal.workflowId.startsWith('scheduler-run-'));
    let repair: string | null = null;
    // A change may be healed before an occurrence is due. Then it is made again.
    for (let times = 0; times === 0 || (times < TIMES && !(await isStartedAgain())); times++) {
      await tamper(job.id, (_, start) => change(start, other));
      repair = (await untilHealed(job.id, repair)).sync.healedAt;
    }
    const healedAt = Date.parse(repair as string);
    // Until then each occurrence is due one period after the one before, and has ended.
    const isDone = (all: Run[]) => {
      const due = all.filter(({ scheduledAt }) => Date.parse(scheduledAt) <= healedAt);
      const first = Math.min(...due.map(({ scheduledAt }) => Date.parse(scheduledAt)));
      const isWhole = due.length === Math.floor((healedAt - first) / everyMs) + 1;
      return isWhole && due.every(({ endedAt }) => endedAt !== null);
    };
    await waitFor('its occurrences to have ended', async () => isDone(await api.allRuns(job.id)), 90_000);
    await api.pauseJob(job.id);
    await waitFor(
      'all runs to end',
      async () => (await api.allRuns(job.id)).every(({ endedAt }) => endedAt),
      90_000,
    );
    const ended = (await api.allRuns(job.id)).filter(({ reasonCode }) => reasonCode !== 'paused');
    expect(await isStartedAgain()).toBe(true);
    expect(await api.allRuns(other.id)).toEqual([]);
    expect(stack.receiver.callsTo(`/other-than-${name}`)).toEqual([]);
    return ended;
  };
  const expectEachOnce = (name: string, everyMs: number, ended: Run[]) => {
    const times = ended.map(({ scheduledAt }) => Date.parse(scheduledAt)).sort((a, b) => a - b);
    expect(times).toEqual(times.map((_, index) => (times[0] as number) + index * everyMs));
    const called = ended.filter(({ state }) => state === 'succeeded').map(({ id }) => id);
    const keys = stack.receiver.callsTo(`/${name}`).map(({ headers }) => headers['idempotency-key']);
    expect([...keys].sort()).toEqual([...called].sort());
  };

  for (const [name, overlap, change] of [
    ['wrong-queue', 'allowAll', (start: Start) => void (start.taskQueue = { name: 'nobody', kind: 1 })],
    [
      'wrong-queue-buffered',
      'bufferAll',
      (start: Start) => void (start.taskQueue = { name: 'nobody', kind: 1 }),
    ],
    ['wrong-type', 'allowAll', (start: Start) => void (start.workflowType = { name: 'nothing' })],
    ['no-arguments', 'allowAll', (start: Start) => void (start.input = null)],
    [
      'arguments-of-another',
      'allowAll',
      (start: Start, other: Job) =>
        void (start.input = { payloads: [json({ jobId: other.id, generation: 1, trigger: 'schedule' })] }),
    ],
  ] as const)
    test.concurrent(
      `${name}: is ended, and each occurrence is run once`,
      async () => {
        const ended = await whileRecurring(name, overlap, change);
        // A run that had not started when the job was paused does not start.
        for (const run of ended)
          expect([run.state, run.reasonCode]).toEqual(
            run.state === 'skipped' ? ['skipped', 'pausedBeforeStart'] : ['succeeded', null],
          );
        expectEachOnce(name, everyMsOf(overlap), ended);
      },
      150_000,
    );
});

test('a pause and a deletion in Temporal are undone', async () => {
  const make = (name: string) =>
    api.createJob({ name, schedule: { cron: '0 0 1 1 *' }, target: target('/') });
  const [paused, deleted] = [await make('paused by hand'), await make('deleted by hand')];
  await stack.temporal.schedule.getHandle(idOf(paused.id)).pause('I do not like it');
  await stack.temporal.schedule.getHandle(idOf(deleted.id)).delete();
  const drift = async (id: string) => (await untilHealed(id)).sync.drift?.map(({ field }) => field);
  expect(await drift(paused.id)).toEqual(['state.notes', 'state.paused']);
  expect(await drift(deleted.id)).toEqual(['schedule']);
  expect((await describeRaw(paused.id)).state).toMatchObject({ notes: 'generation 1' });
});
