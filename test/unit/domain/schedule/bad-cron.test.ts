import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { SchedulerError } from '../../../../domain/errors.ts';
import { checkWillFire } from '../../../../domain/schedule/check-will-fire.ts';
import { Schedule } from '../../../../domain/schedule/schedule.ts';
import { parseInput } from '../../../../api/rest/validation.ts';

const NOW = Date.parse('2027-01-01T00:00:00Z');

/** What a caller would be told of a cron; empty if it is accepted. */
function refusalOf(cron: unknown): string {
  try {
    const { schedule } = parseInput(z.strictObject({ schedule: Schedule }), { schedule: { cron } });
    return checkWillFire(schedule, NOW)
      .map(({ path, message }) => `${path}: ${message}`)
      .join('; ');
  } catch (error) {
    if (error instanceof SchedulerError)
      return error.errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
    throw error;
  }
}

describe('expressions that are refused, with the field, the value and the range', () => {
  test.each<[string, RegExp]>([
    ['60 * * * *', /minute 60 is out of range 0–59/],
    ['99 * * * *', /minute 99 is out of range 0–59/],
    ['1,60 * * * *', /minute 60 is out of range 0–59.*position 3/],
    ['5-60 * * * *', /minute 60 is out of range 0–59/],
    ['60-5 * * * *', /minute 60 is out of range 0–59/],
    ['*/60 * * * *', /step of the minute 60 is out of range 1–59/],
    ['*/0 * * * *', /step of the minute 0 is out of range 1–59/],
    ['*/-5 * * * *', /step of the minute "-5" is not valid; write a number from 1 to 59/],
    ['*/ * * * *', /step of the minute is missing; it must be from 1 to 59/],
    ['/5 * * * *', /minute is missing; it must be from 0 to 59/],
    ['5//2 * * * *', /more than one "\/"/],
    ['5/2/3 * * * *', /more than one "\/"/],
    ['1-2-3 * * * *', /more than one "-"/],
    ['-5 * * * *', /minute is missing/],
    ['5- * * * *', /minute is missing/],
    ['- * * * *', /minute is missing/],
    [', * * * *', /minute has an empty entry/],
    ['1, * * * *', /minute has an empty entry/],
    [',1 * * * *', /minute has an empty entry/],
    ['1,,2 * * * *', /minute has an empty entry/],
    ['a * * * *', /minute "a" is not valid; write a number from 0 to 59/],
    ['MON * * * *', /minute "MON" is not valid/],
    ['1.5 * * * *', /minute "1.5" is not valid/],
    ['1e1 * * * *', /minute "1e1" is not valid/],
    ['0x10 * * * *', /minute "0x10" is not valid/],
    ['+5 * * * *', /minute "\+5" is not valid/],
    ['** * * * *', /minute "\*\*" is not valid/],
    ['*5 * * * *', /minute "\*5" is not valid/],
    ['5* * * * *', /minute "5\*" is not valid/],
    ['*-5 * * * *', /minute "\*" is not valid/],
    ['~ * * * *', /minute "~" is not valid/],
    ['H * * * *', /minute "H" is not valid/],
    ['? * * * *', /minute can't be "\?"/],
    ['* ? * * *', /hour can't be "\?"/],
    ['L * * * *', /minute "L" is not valid/],
    ['* 24 * * *', /hour 24 is out of range 0–23/],
    ['0 25 * * *', /hour 25 is out of range 0–23 in "0 25 \* \* \*" at position 3/],
    ['0 */24 * * *', /step of the hour 24 is out of range 1–23/],
    ['0 9:30 * * *', /hour "9:30" is not valid/],
    ['0 9am * * *', /hour "9am" is not valid/],
    ['0 22-24 * * *', /hour 24 is out of range 0–23/],
    ['0 0 0 * *', /day of month 0 is out of range 1–31/],
    ['0 0 32 * *', /day of month 32 is out of range 1–31/],
    ['0 0 1-32 * *', /day of month 32 is out of range 1–31/],
    ['0 0 */32 * *', /step of the day of month 32 is out of range 1–31/],
    ['0 0 ?/2 * *', /day of month "\?" takes no step/],
    ['0 0 W * *', /day of month "W" is not valid/],
    ['0 0 0W * *', /day before "W" 0 is out of range 1–31/],
    ['0 0 32W * *', /day before "W" 32 is out of range 1–31/],
    ['0 0 1-5W * *', /day before "W" "1-5" is not valid/],
    ['0 0 L-0 * *', /days before the last 0 is out of range 1–30/],
    ['0 0 L-31 * *', /days before the last 31 is out of range 1–30/],
    ['0 0 L- * *', /days before the last is missing/],
    ['0 0 L+1 * *', /day of month "L\+1" is not valid/],
    ['0 0 LL * *', /day of month "LL" is not valid/],
    ['0 0 1L * *', /day of month "1L" is not valid/],
    ['0 0 MON * *', /day of month "MON" is not valid/],
    ['0 0 1 0 *', /month 0 is out of range 1–12/],
    ['0 0 1 13 *', /month 13 is out of range 1–12/],
    ['0 0 1 JANUARY *', /month "JANUARY" is not valid; write a number from 1 to 12 or a name JAN–DEC/],
    ['0 0 1 JA *', /month "JA" is not valid/],
    ['0 0 1 MON *', /month "MON" is not valid/],
    ['0 0 1 */13 *', /step of the month 13 is out of range 1–12/],
    ['0 0 1 L *', /month "L" is not valid/],
    ['0 0 1 JAN#2 *', /month "JAN#2" is not valid/],
    ['0 0 * * 8', /day of week 8 is out of range 0–7/],
    ['0 0 * * MONDAY', /day of week "MONDAY" is not valid; write a number from 0 to 7 or a name SUN–SAT/],
    ['0 0 * * MO', /day of week "MO" is not valid/],
    ['0 0 * * JAN', /day of week "JAN" is not valid/],
    ['0 0 * * */7', /step of the day of week 7 is out of range 1–6/],
    ['0 0 * * L', /day of week "L" names no day/],
    ['0 0 * * 8L', /day of week 8 is out of range 0–7/],
    ['0 0 * * MON#0', /week after "#" 0 is out of range 1–5/],
    ['0 0 * * MON#6', /week after "#" 6 is out of range 1–5/],
    ['0 0 * * MON#', /week after "#" is missing/],
    ['0 0 * * #2', /day of week is missing/],
    ['0 0 * * MON#1#2', /week after "#" "1#2" is not valid/],
    ['0 0 * * MON-FRI#2', /day of week "MON-FRI" is not valid/],
    ['0 0 * * 1W', /day of week "1W" is not valid/],
    ['60 * * * * *', /second 60 is out of range 0–59/],
    ['* * * * * MON *', /got 7/],
    ['* * * *', /got 4/],
    ['*', /got 1/],
    ['', /got 0/],
    ['   ', /got 0/],
    ['every day', /got 2/],
    ['0 0 * * MON 2027', /second 0|day of week 2027 is out of range 0–7/],
    ['@reboot', /unknown macro "@reboot"/],
    ['@dayly', /unknown macro "@dayly", known are @yearly/],
    ['@every 5m', /use schedule\.every/],
    ['@daily 5', /nothing may follow a macro/],
    ['@', /unknown macro "@"/],
    ['TZ=UTC 0 0 * * *', /write "timeZone": "UTC" beside it/],
    ['CRON_TZ=Europe/Berlin 0 9 * * *', /write "timeZone": "Europe\/Berlin" beside it/],
    ['cron_tz=Europe/Berlin @daily', /write "timeZone": "Europe\/Berlin" beside it/],
    ['TZ=', /names no time zone/],
    ['٣ * * * *', /minute "٣" is not valid/],
    ['１ * * * *', /minute "１" is not valid/],
    ['0 0 30 2 *', /never fires/],
    ['0 0 31 2 *', /never fires/],
    ['0 0 31 4,6,9,11 *', /never fires/],
    ['0 0 30W 2 *', /never fires/],
    ['0 0 L-29 2 *', /never fires/],
    ['0 0 */40 * *', /step of the day of month 40 is out of range 1–31/],
  ])('%j', (cron, message) => {
    expect(refusalOf(cron)).toMatch(message);
    expect(refusalOf(cron)).toMatch(/^schedule\.cron: /);
  });

  test('each of a list is named by its place', () => {
    expect(refusalOf(['@daily', '61 * * * *', '* 24 * * *'])).toMatch(
      /schedule\.cron\[1\]: minute 61.*schedule\.cron\[2\]: hour 24/,
    );
    expect(refusalOf(['@daily', '0 0 30 2 *'])).toMatch(/schedule\.cron\[1\]: .*never fires/);
  });
});

test.each<[string, string]>([
  ['commas', ','.repeat(4_000)],
  ['stars', '*'.repeat(4_000)],
  ['digits', '1'.repeat(4_000)],
  ['numbers in a list', `${'1,'.repeat(1_990)}x * * * *`],
  ['slashes', '*/'.repeat(2_000)],
  ['dashes', '1-'.repeat(2_000)],
  ['spaces', ' '.repeat(4_000)],
  ['fields', '* '.repeat(2_000)],
  ['hashes', `0 0 * * ${'MON#'.repeat(990)}`],
  ['letters', 'L'.repeat(4_000)],
  ['at signs', '@'.repeat(4_000)],
  ['tabs and digits', '1\t'.repeat(2_000)],
])('4,000 characters of %s are refused at once', (_, cron) => {
  refusalOf('* *');
  // As it is, which is too long, and as long as an expression may be.
  for (const text of [cron, cron.slice(0, 1_000)]) {
    // Of the processor: how long it takes depends on what else the machine does.
    const before = process.cpuUsage().user;
    expect(refusalOf(text)).toMatch(/^schedule\.cron: /);
    // No search may grow faster than the text.
    expect(process.cpuUsage().user - before).toBeLessThan(50_000);
  }
});
