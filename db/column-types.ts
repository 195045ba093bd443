import type { ColumnType, JSONColumnType } from 'kysely';
import type { Source } from '../domain/job/audit.ts';

/** A column of JSON that is never null. Written as text. */
export type Json<T extends object> = JSONColumnType<T, string, string>;

/** A point in time. */
export type Timestamp = ColumnType<Date, Date, Date>;

/** The request that made a change; null if the service itself or an older version made it. */
export type SourceColumn = JSONColumnType<Source | null, string | null | undefined, string | null>;
