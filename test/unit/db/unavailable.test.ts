import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isConnectionLost, isDatabaseUnavailable } from '../../../db/unavailable.ts';

const failedWith = (code: string) => {
  const error = new pg.DatabaseError(`failed with ${code}`, 0, 'error');
  error.code = code;
  return error;
};

describe('an error of Postgres', () => {
  test.each([
    ['08006', true, true],
    ['57P01', true, true],
    ['53100', true, true],
    ['53200', true, true],
    ['53300', true, true],
    // The query asked for too much.
    ['53400', false, false],
    // Other transactions are to blame.
    ['57014', true, false],
    ['40P01', true, false],
    ['23505', false, false],
    ['42703', false, false],
  ])('%s: may pass %s, not ready at all %s', (code, mayPass, isLost) => {
    expect([isDatabaseUnavailable(failedWith(code)), isConnectionLost(failedWith(code))]).toEqual([
      mayPass,
      isLost,
    ]);
  });
});
