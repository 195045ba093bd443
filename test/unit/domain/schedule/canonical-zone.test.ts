import { describe, expect, test } from '@jest/globals';
import { compileSchedule } from '../../../../domain/schedule/compile-schedule.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { canonicalZone } from '../../../../domain/schedule/canonical-zone.ts';
import { ZONE_NAMES } from '../../../../domain/schedule/tz-database-names.ts';
import { isTimeZone } from '../../../../domain/schedule/time-zone.ts';

const zoneOf = (timeZone: string) => Schedule.parse({ every: '5m', timeZone }).timeZone;

describe('a time zone', () => {
  test.each([
    ['europe/berlin', 'Europe/Berlin'],
    ['AMERICA/NEW_YORK', 'America/New_York'],
    ['america/port-au-prince', 'America/Port-au-Prince'],
    ['africa/dar_es_salaam', 'Africa/Dar_es_Salaam'],
    ['utc', 'UTC'],
    ['etc/gmt+5', 'Etc/GMT+5'],
    ['w-su', 'W-SU'],
    ['gb-eire', 'GB-Eire'],
    ['nz-chat', 'NZ-CHAT'],
    ['us/pacific', 'US/Pacific'],
  ])('%s is kept in the case of the tz database', (written, kept) => {
    expect(zoneOf(written)).toBe(kept);
  });

  test.each(['Europe/Kiev', 'Europe/Kyiv', 'Asia/Calcutta', 'Asia/Kolkata', 'Asia/Rangoon', 'EST5EDT'])(
    '%s, a name old or new, goes on working',
    (name) => {
      expect(zoneOf(name)).toBe(name);
    },
  );

  test.each([
    ['US/Pacific-New', 'America/Los_Angeles'],
    ['us/pacific-new', 'America/Los_Angeles'],
    ['Canada/East-Saskatchewan', 'America/Regina'],
    ['SystemV/PST8PDT', 'America/Los_Angeles'],
    ['SystemV/AST4', 'America/Puerto_Rico'],
    ['PST', 'America/Los_Angeles'],
    ['JST', 'Asia/Tokyo'],
  ])('%s, which Temporal does not know, is refused with %s', (name, right) => {
    expect(() => zoneOf(name)).toThrow(`write \\"${right}\\"`);
  });

  test.each(['Mars/Olympus', '', 'Local', '+02:00', 'Factory', 'UTC+2', 'Europe/Berlin ', 'Etc/Unknown'])(
    '%j is refused',
    (name) => {
      expect(() => zoneOf(name)).toThrow('is not a known time zone');
    },
  );

  test.each([
    ['europe/berlin', 'Europe/Berlin'],
    ['US/Pacific-New', 'America/Los_Angeles'],
  ])('%s of a job that is stored already is compiled as %s', (stored, meant) => {
    expect(compileSchedule({ every: '5m', offset: '0s', timeZone: stored }).timeZone).toBe(meant);
  });
});

test('every name of the tz database that this Node knows is canonical', () => {
  const known = ZONE_NAMES.filter(isTimeZone);
  expect(known.filter((name) => canonicalZone(name.toLowerCase()) !== name)).toEqual([]);
  // An older Node may lack the youngest zones.
  expect(known.length).toBeGreaterThan(590);
});
