import type { RunState } from '../../domain/run/run-state.ts';
import type { Trigger } from '../../domain/run/run.ts';
import type { Database } from '../database.ts';
import type { RunRow } from '../schema.ts';

/** A run's place in every list of runs. */
interface Place {
  scheduledAt: Date;
  id: string;
}

/** Which runs a list holds. */
interface RunFilter {
  namespace: string;
  /** Of one job; undefined: of all, also of those that have been deleted. */
  jobId?: string | undefined;
  states?: readonly RunState[] | undefined;
  trigger?: Trigger | undefined;
  /** Of the nominal time, inclusive; of a run that stands for several occurrences, of the last one's. */
  from?: Date | undefined;
  /** Of the nominal time, exclusive. */
  to?: Date | undefined;
}

/**
 * One page of runs, the latest nominal time first, beginning after the given place. Reads about as many rows as the page
 * has, whatever the table holds: each way to filter has an index in the list's order. But for two, which pass over what
 * they leave out: a trigger together with states, and the trigger `schedule`, which most runs have.
 */
export function listRunRows(
  db: Database,
  filter: RunFilter,
  page: { after?: Place | undefined; limit: number },
): Promise<RunRow[]> {
  const inOrder = (query: RunQuery) =>
    query.orderBy('scheduled_at', 'desc').orderBy('id', 'desc').limit(page.limit);
  const states = [...new Set(filter.states)];
  const walks: RunQuery[] = (states.length === 0 ? [undefined] : states).map((state) =>
    selectRuns(db, filter, page.after)
      .$if(filter.from !== undefined, (query) => query.where('scheduled_at', '>=', filter.from as Date))
      .$if(state !== undefined, (query) => query.where('state', '=', state as RunState)),
  );
  const mayReachIn = filter.from !== undefined && (states.length === 0 || states.includes('skipped'));
  if (mayReachIn) walks.push(selectReachingIn(db, filter, page.after, filter.from as Date));
  const [first, ...others] = walks as [RunQuery, ...RunQuery[]];
  if (others.length === 0) return inOrder(first).execute();
  // Each state by itself is a walk along its index, and the walks are merged. With `state IN (…)` the planner would have
  // to choose between sorting all of these runs and passing over all the others.
  const part = (query: RunQuery) => db.selectFrom(inOrder(query).as('run')).selectAll();
  return others
    .reduce((union, walk) => union.unionAll(part(walk)), part(first))
    .orderBy('scheduled_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

type RunQuery = ReturnType<typeof selectRuns>;

/** Runs that stand for several occurrences, the first of them before `from` and the last one not: all are skipped. */
const selectReachingIn = (db: Database, filter: RunFilter, after: Place | undefined, from: Date): RunQuery =>
  selectRuns(db, filter, after)
    .where('last_scheduled_at', '>=', from)
    .where('scheduled_at', '<', from)
    .where('state', '=', 'skipped');

function selectRuns(db: Database, { namespace, jobId, trigger, to }: RunFilter, after: Place | undefined) {
  // Only the earlier of the two bounds matters. Given both, Postgres may begin its walk at the other, far away.
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
