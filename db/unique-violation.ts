import pg from 'pg';

const UNIQUE_VIOLATION = '23505';

/** Tells whether a statement failed because of this unique index. Pure. */
export const violatesUnique = (error: unknown, index: string): boolean =>
  error instanceof pg.DatabaseError && error.code === UNIQUE_VIOLATION && error.constraint === index;
