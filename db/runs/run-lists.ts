import type { RunState } from '../../domain/run/run-state.ts';
import type { Trigger } from '../../domain/run/run.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';

/** A run's position in every list of runs. */
interface Place {
  scheduledAt: Date;
  id: string;
}

/** Which runs a list holds. */
interface RunFilter {
  namespace: string;
  /** Undefined: of all jobs, deleted ones too. */
  jobId?: string | undefined;
  states?: readonly RunState[] | undefined;
  trigger?: Trigger | undefined;
  /** The first nominal time, inclusive; for a run that stands for several occurrences, the last of these counts. */
  from?: Date | undefined;
  /** The nominal time at which the list ends, exclusive. */
  to?: Date | undefined;
}

/**
 * One page of runs, the latest nominal time first, beginning after the given position. Reads about as many
 * rows as the page has, whatever the table holds, for filters have an index in the list's order. Two filters
 * have none, and read the rows that they leave out: a trigger together with states, and the trigger
 * `schedule`, which most runs have.
 */
export function listRunRows(
  db: Database,
  filter: RunFilter,
  page: { after?: Place | undefined; limit: number },
): Promise<RunRow[]> {
  const inOrder = (query: RunQuery) =>
    query.orderBy('scheduled_at', 'desc').orderBy('id', 'desc').limit(page.limit);
  const states = [...new Set(filter.states)];
  const scans: RunQuery[] = (states.length === 0 ? [undefined] : states).map((state) =>
    selectRuns(db, filter, page.after)
      .$if(filter.from !== undefined, (query) => query.where('scheduled_at', '>=', filter.from as Date))
      .$if(state !== undefined, (query) => query.where('state', '=', state as RunState)),
  );
  const mayReachFrom = filter.from !== undefined && (states.length === 0 || states.includes('skipped'));
  if (mayReachFrom) scans.push(selectReachingFrom(db, filter, page.after, filter.from as Date));
  const [first, ...others] = scans as [RunQuery, ...RunQuery[]];
  if (others.length === 0) return inOrder(first).execute();
  // Each state is one scan along its index, and the scans are merged. With `state IN (…)` the planner could
  // only sort all of these runs, or read all the others too.
  const part = (query: RunQuery) => db.selectFrom(inOrder(query).as('run')).selectAll();
  return others
    .reduce((union, scan) => union.unionAll(part(scan)), part(first))
    .orderBy('scheduled_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

type RunQuery = ReturnType<typeof selectRuns>;

/** Runs that stand for several occurrences, the first of them before `from` and the last one not. All are skipped. */
const selectReachingFrom = (
  db: Database,
  filter: RunFilter,
  after: Place | undefined,
  from: Date,
): RunQuery =>
  selectRuns(db, filter, after)
    .where('last_scheduled_at', '>=', from)
    .where('scheduled_at', '<', from)
    .where('state', '=', 'skipped');

function selectRuns(db: Database, { namespace, jobId, trigger, to }: RunFilter, after: Place | undefined) {
  // Only the earlier of the two bounds matters. Given both, Postgres may begin its scan at the other one, far away.
  const bound = after !== undefined && (to === undefined || after.scheduledAt < to) ? after : to;
  return db
    .selectFrom('runs')
    .selectAll()
    .where('namespace', '=', namespace)
    .$if(jobId !== undefined, (query) => query.where('job_id', '=', jobId as string))
    .$if(trigger !== undefined, (query) => query.where('trigger', '=', trigger as Trigger))
    .$if(bound !== undefined, (query) =>
      query.where((eb) =>
        bound instanceof Date
          ? eb('scheduled_at', '<', bound)
          : eb(
              eb.refTuple('scheduled_at', 'id'),
              '<',
              eb.tuple((bound as Place).scheduledAt, (bound as Place).id),
            ),
      ),
    );
}
