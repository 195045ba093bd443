import { sql } from 'kysely';
import type { JobState, SyncState } from '../../domain/job/job.ts';
import type { Database } from '../database.ts';
import type { JobRow } from '../schema.ts';

/** A label that a job must have, whatever its value, unless that is given. */
export interface WantedLabel {
  key: string;
  value?: string | undefined;
}

/** Which jobs a list holds: those to which all of it applies. */
export interface JobFilter {
  namespace: string;
  name?: string | undefined;
  /** A text that the name holds, in capitals or not. */
  text?: string | undefined;
  labels?: readonly WantedLabel[] | undefined;
  state?: JobState | undefined;
  sync?: SyncState | undefined;
}

/**
 * One page of jobs, newest first (ids of version 7 rise with time), beginning after `afterId`. A text in names is looked
 * for in one job after the other; all else has an index.
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

/** The jobs that a list holds; what of them, and in which order, is the caller's to say. */
export function jobsOf(db: Database, { namespace, name, text, labels = [], state, sync }: JobFilter) {
  return (
    db
      .selectFrom('jobs')
      .where('namespace', '=', namespace)
      .where('deleted_at', 'is', null)
      .$if(name !== undefined, (query) => query.where('name', 'in', formsOf(name as string)))
      .$if(text !== undefined, (query) => query.where('name', '~', anyCase(text as string)))
      .$if(state !== undefined, (query) => query.where('state', '=', state as JobState))
      .$if(sync !== undefined, (query) => query.where(SYNC_STATES[sync as SyncState]))
      // The index leaves out jobs without labels, and is used where these words say that they are not meant.
      .$if(labels.length > 0, (query) => query.where(sql<boolean>`labels <> '{}'`))
      .$call((query) => labels.reduce((narrowed, label) => narrowed.where(hasLabel(label)), query))
  );
}

/** Names are stored composed; those that are older than this rule may be decomposed. */
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
 * A regular expression of Postgres for a text in capitals or not. Spelt out, for a database with the locale C, which is
 * what it usually has, knows of no capitals beyond ASCII. Pure.
 */
function anyCase(text: string): string {
  return [...text]
    .map((character) => {
      const upper = character.toUpperCase();
      const cases = new Set([character, character.toLowerCase(), upper, upper.toLowerCase()]);
      // Some letters have only pairs of letters for capitals: ß.
      const letters = [...cases].filter((letter) => [...letter].length === 1);
      return letters.length > 1 ? `[${letters.join('')}]` : character.replace(/[!-/:-@[-`{-~]/, '\\$&');
    })
    .join('');
}
