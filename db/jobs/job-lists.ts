import { sql } from 'kysely';
import type { JobState, SyncState } from '../../domain/job/job.ts';
import type { Database } from '../database.ts';
import { IS_LATE } from '../rules.ts';
import type { JobRow } from '../schema.ts';

/** A label that a job must have, with any value if none is given. */
export interface WantedLabel {
  key: string;
  value?: string | undefined;
}

/** Which jobs a list holds: those that match all fields. */
export interface JobFilter {
  namespace: string;
  name?: string | undefined;
  /** A text that the name contains, in any case. */
  text?: string | undefined;
  labels?: readonly WantedLabel[] | undefined;
  state?: JobState | undefined;
  sync?: SyncState | undefined;
  late?: boolean | undefined;
}

/**
 * One page of jobs, newest first (ids of version 7 rise with time), beginning after `afterId`. All filters
 * have an index, except a text in names, which is compared with one job after another.
 */
export function listJobRows(
  db: Database,
  filter: JobFilter,
  page: { afterId?: string | undefined; limit: number },
): Promise<JobRow[]> {
  return jobsOf(db, filter)
    .selectAll()
    .$if(page.afterId !== undefined, (query) => query.where('id', '<', page.afterId as string))
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute();
}

/** These jobs, by their ids. */
export async function findJobs(
  db: Database,
  places: readonly { id: string }[],
): Promise<Map<string, JobRow>> {
  if (places.length === 0) return new Map();
  const ids = places.map(({ id }) => id);
  const jobs = await db.selectFrom('jobs').selectAll().where('id', 'in', ids).execute();
  return new Map(jobs.map((job) => [job.id, job]));
}

/** A query for the jobs of a list. The caller adds the columns and the order. */
export function jobsOf(db: Database, { namespace, name, text, labels = [], state, sync, late }: JobFilter) {
  return (
    db
      .selectFrom('jobs')
      .where('namespace', '=', namespace)
      .where('deleted_at', 'is', null)
      .$if(name !== undefined, (query) => query.where('name', 'in', formsOf(name as string)))
      .$if(text !== undefined, (query) => query.where('name', '~', anyCase(text as string)))
      .$if(state !== undefined, (query) => query.where('state', '=', state as JobState))
      .$if(sync !== undefined, (query) => query.where(SYNC_STATES[sync as SyncState]))
      .$if(late !== undefined, (query) => query.where(late ? IS_LATE : sql<boolean>`NOT ${IS_LATE}`))
      // The index leaves out jobs without labels, and needs this condition to be used.
      .$if(labels.length > 0, (query) => query.where(sql<boolean>`labels <> '{}'`))
      .$call((query) => labels.reduce((narrowed, label) => narrowed.where(hasLabel(label)), query))
  );
}

/** Names are stored in composed form (NFC). Those of earlier versions may be decomposed. */
const formsOf = (name: string) => [...new Set([name, name.normalize('NFC'), name.normalize('NFD')])];

/** As `sync.state` is presented (api/rest/present.ts). */
const SYNC_STATES = {
  synced: sql<boolean>`observed_generation = generation`,
  pending: sql<boolean>`observed_generation <> generation AND sync_error IS NULL`,
  error: sql<boolean>`observed_generation <> generation AND sync_error IS NOT NULL`,
} satisfies Record<SyncState, unknown>;

const hasLabel = ({ key, value }: WantedLabel) =>
  value === undefined
    ? sql<boolean>`labels ? ${key}`
    : sql<boolean>`labels @> ${JSON.stringify({ [key]: value })}::jsonb`;

/**
 * A regular expression of Postgres for a text in any case. Each letter is spelled out, because a database
 * with the locale C, the usual one, knows no capitals beyond ASCII. Pure.
 */
function anyCase(text: string): string {
  return [...text]
    .map((character) => {
      const upper = character.toUpperCase();
      const cases = new Set([character, character.toLowerCase(), upper, upper.toLowerCase()]);
      // The capitals of some letters are two letters: ß.
      const letters = [...cases].filter((letter) => [...letter].length === 1);
      return letters.length > 1 ? `[${letters.join('')}]` : character.replace(/[!-/:-@[-`{-~]/, '\\$&');
    })
    .join('');
}
