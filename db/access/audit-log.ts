import type { AuditAction, AuditResource } from '../../domain/job/audit.ts';
import type { Database } from '../database.ts';

// Triggers write the audit log (db/migrations/0018-audit-log.ts); here it is only read.

/** The position of an entry in every list. */
export interface AuditPlace {
  at: Date;
  id: string;
}

/** Which entries a list holds. */
export interface AuditFilter {
  namespace: string;
  by?: string | undefined;
  action?: AuditAction | undefined;
  resource?: AuditResource | undefined;
  /** Of a job, also one that is gone, and of its runs and backfills. */
  jobId?: string | undefined;
  /** Inclusive. */
  since?: Date | undefined;
  /** Exclusive. */
  until?: Date | undefined;
}

/**
 * The query for one page of the audit log, newest first, beginning after the given position. All filters but `action` have an index in
 * the list's order.
 */
export function queryAuditRows(
  db: Database,
  { namespace, by, action, resource, jobId, since, until }: AuditFilter,
  page: { after?: AuditPlace | undefined; limit: number },
) {
  const { after } = page;
  return db
    .selectFrom('audit_log')
    .selectAll()
    .where('namespace', '=', namespace)
    .$if(by !== undefined, (query) => query.where('by', '=', by as string))
    .$if(action !== undefined, (query) => query.where('action', '=', action as AuditAction))
    .$if(resource !== undefined, (query) => query.where('resource', '=', resource as AuditResource))
    .$if(jobId !== undefined, (query) => query.where('job_id', '=', jobId as string))
    .$if(since !== undefined, (query) => query.where('at', '>=', since as Date))
    .$if(until !== undefined, (query) => query.where('at', '<', until as Date))
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb(eb.refTuple('at', 'id'), '<', eb.tuple((after as AuditPlace).at, (after as AuditPlace).id)),
      ),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit);
}
