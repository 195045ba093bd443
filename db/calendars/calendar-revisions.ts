import type { RevisionAction, RevisionChanges } from '../../domain/job/revision.ts';
import type { Source } from '../../domain/job/audit.ts';
import type { Database } from '../database.ts';
import type { CalendarRevisionRow, CalendarRow } from '../schema.ts';

/** Stores a revision of a calendar. To be called in the transaction of the change. */
export async function insertCalendarRevision(
  transaction: Database,
  { id, namespace, name, generation }: Pick<CalendarRow, 'id' | 'namespace' | 'name' | 'generation'>,
  revision: {
    at: Date;
    by: string;
    action: RevisionAction;
    changes: RevisionChanges;
    source?: Source | undefined;
  },
): Promise<void> {
  const { changes, source, ...rest } = revision;
  await transaction
    .insertInto('calendar_revisions')
    .values({
      calendar_id: id,
      namespace,
      name,
      generation,
      ...rest,
      changes: JSON.stringify(changes),
      source: source ? JSON.stringify(source) : null,
    })
    .execute();
}

/** One page of a calendar's revisions, the latest first, beginning before `beforeGeneration`. */
export function listCalendarRevisions(
  db: Database,
  filter: { calendarId: string; beforeGeneration?: number | undefined; limit: number },
): Promise<CalendarRevisionRow[]> {
  const { beforeGeneration } = filter;
  return db
    .selectFrom('calendar_revisions')
    .selectAll()
    .where('calendar_id', '=', filter.calendarId)
    .$if(beforeGeneration !== undefined, (query) =>
      query.where('generation', '<', beforeGeneration as number),
    )
    .orderBy('generation', 'desc')
    .limit(filter.limit)
    .execute();
}
