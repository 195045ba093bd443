import { describe, expect, test } from '@jest/globals';
import { readIcs } from '../../../../api/import/read-ics.ts';

const period = { from: '2026-01-01', through: '2028-12-31', timeZone: 'Europe/Berlin' };

const ics = (...events: string[][]) =>
  [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//example//EN',
    ...events.flatMap((lines, index) => ['BEGIN:VEVENT', `UID:${index}@example.com`, ...lines, 'END:VEVENT']),
    'END:VCALENDAR',
  ].join('\r\n');

describe('an iCalendar file', () => {
  test.each<[string, string[], unknown[]]>([
    [
      'a date',
      ['SUMMARY:New Year', 'DTSTART;VALUE=DATE:20260101'],
      [{ date: '2026-01-01', name: 'New Year' }],
    ],
    [
      'several days, the end excluded',
      ['SUMMARY:Shutdown', 'DTSTART;VALUE=DATE:20261224', 'DTEND;VALUE=DATE:20270102'],
      [{ from: '2026-12-24', to: '2027-01-01', name: 'Shutdown' }],
    ],
    [
      'a duration',
      ['SUMMARY:Fair', 'DTSTART;VALUE=DATE:20260504', 'DURATION:P2D'],
      [{ from: '2026-05-04', to: '2026-05-05', name: 'Fair' }],
    ],
    [
      'each year, without end',
      ['SUMMARY:Christmas', 'DTSTART;VALUE=DATE:20001225', 'RRULE:FREQ=YEARLY'],
      ['2026', '2027', '2028'].map((year) => ({ date: `${year}-12-25`, name: 'Christmas' })),
    ],
    [
      'the fourth Thursday of November',
      ['SUMMARY:Thanksgiving', 'DTSTART;VALUE=DATE:20251127', 'RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH'],
      ['2026-11-26', '2027-11-25', '2028-11-23'].map((date) => ({ date, name: 'Thanksgiving' })),
    ],
    [
      'an exception',
      [
        'SUMMARY:Day',
        'DTSTART;VALUE=DATE:20260301',
        'RRULE:FREQ=YEARLY;COUNT=3',
        'EXDATE;VALUE=DATE:20270301',
      ],
      ['2026-03-01', '2028-03-01'].map((date) => ({ date, name: 'Day' })),
    ],
    [
      'midnight to midnight in a zone',
      [
        'SUMMARY:Day',
        'DTSTART;TZID=Europe/Berlin:20260603T000000',
        'DTEND;TZID=Europe/Berlin:20260604T000000',
      ],
      [{ date: '2026-06-03', name: 'Day' }],
    ],
    [
      'midnight in Berlin, in UTC',
      ['SUMMARY:Day', 'DTSTART:20260602T220000Z', 'DTEND:20260603T220000Z'],
      [{ date: '2026-06-03', name: 'Day' }],
    ],
    [
      'cut to the period',
      ['SUMMARY:Long', 'DTSTART;VALUE=DATE:20281230', 'DTEND;VALUE=DATE:20290104'],
      [{ from: '2028-12-30', to: '2028-12-31', name: 'Long' }],
    ],
    [
      'a name with controls',
      ['SUMMARY:A\\nday\\, off', 'DTSTART;VALUE=DATE:20260101'],
      [{ date: '2026-01-01', name: 'A day, off' }],
    ],
  ])('%s', (_, lines, expected) => {
    expect(readIcs(ics(lines), period)).toEqual({ holidays: expected, leftOut: [] });
  });

  test.each([
    ['a meeting', ['SUMMARY:x', 'DTSTART:20260602T100000Z', 'DTEND:20260602T110000Z'], 'not a whole day'],
    [
      'a zone that nobody knows',
      ['SUMMARY:x', 'DTSTART;TZID=Mars/Olympus:20260602T000000', 'DTEND;TZID=Mars/Olympus:20260603T000000'],
      'nobody knows its time zone "Mars/Olympus"',
    ],
    ['what is cancelled', ['SUMMARY:x', 'STATUS:CANCELLED', 'DTSTART;VALUE=DATE:20260602'], 'cancelled'],
  ])('leaves out %s, and says so', (_, lines, reason) => {
    const { holidays, leftOut } = readIcs(ics(lines), period);
    expect(holidays).toEqual([]);
    expect(leftOut).toEqual([{ event: 'x', reason: expect.stringContaining(reason) }]);
  });

  test.each([
    ['no calendar', 'hello', /no iCalendar file/],
    ['another component', 'BEGIN:VEVENT\r\nEND:VEVENT', /BEGIN:VCALENDAR/],
    [
      'too many days',
      ics(['SUMMARY:x', 'DTSTART;VALUE=DATE:20200101', 'RRULE:FREQ=DAILY;INTERVAL=1']),
      /more than 2000 holidays/,
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => readIcs(text, { ...period, through: '2036-12-31' })).toThrow(message);
  });
});
