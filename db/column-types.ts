import type { ColumnType, JSONColumnType } from 'kysely';

/** A column of JSON that is never null. Written as text. */
export type Json<T extends object> = JSONColumnType<T, string, string>;

/** A point in time. */
export type Timestamp = ColumnType<Date, Date, Date>;
