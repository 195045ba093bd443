import { describe, expect, test } from '@jest/globals';
import { BusinessCalendarInput } from '../../../../domain/business-calendar/business-calendar.ts';
import { resolveCalendar } from '../../../../domain/business-calendar/resolve-calendar.ts';

const calendar = (input: Record<string, unknown>) => BusinessCalendarInput.parse({ name: 'own', ...input });
const holiday = (date: string) => ({ date, name: 'x' });

function resolve(own: Record<string, unknown>, ...others: Record<string, unknown>[]) {
  const known = new Map(others.map((input) => [input['name'] as string, calendar(input)]));
  return resolveCalendar(calendar(own), (name) => known.get(name));
}

describe('the working days of a calendar', () => {
  test('are its weekdays, but for holidays, and what it adds', () => {
    expect(
      resolve({
        weekdays: ['MON', 'SAT'],
        // A Monday, a Friday, and three days from Saturday to Monday.
        holidays: [
          holiday('2026-11-30'),
          holiday('2026-12-25'),
          { from: '2026-12-26', to: '2026-12-28', name: 'x' },
        ],
        // A Sunday and a Monday.
        workingDays: [holiday('2026-12-06'), holiday('2026-12-07')],
      }),
    ).toEqual({
      days: { weekdays: [1, 6], off: ['2026-11-30', '2026-12-26', '2026-12-28'], on: ['2026-12-06'] },
    });
  });

  test('include those of others, of which a holiday comes first, but its own come before', () => {
    expect(
      resolve(
        { include: ['land', 'firm'], workingDays: [holiday('2026-05-01')] },
        { name: 'land', include: ['state'], workingDays: [holiday('2026-05-02')] },
        { name: 'firm', holidays: [holiday('2026-05-02'), holiday('2026-05-04')] },
        {
          name: 'state',
          holidays: [holiday('2026-05-01'), holiday('2026-05-05')],
          workingDays: [holiday('2026-05-03')],
        },
      ),
    ).toEqual({ days: { weekdays: [1, 2, 3, 4, 5], off: ['2026-05-04', '2026-05-05'], on: ['2026-05-03'] } });
  });

  test('each included calendar counts once, however many ways lead to it', () => {
    const names = Array.from({ length: 12 }, (_, index) => `c${index}`);
    const others = names.map((name, index) => ({ name, include: names.slice(index + 1, index + 3) }));
    expect(resolve({ include: ['c0', 'c1'] }, ...others)).toEqual({
      days: { weekdays: [1, 2, 3, 4, 5], off: [], on: [] },
    });
  });

  test.each<[string, Parameters<typeof resolve>, string, RegExp]>([
    [
      'itself through others',
      [{ include: ['a'] }, { name: 'a', include: ['b'] }, { name: 'b', include: ['own'] }],
      'includes_itself',
      /own → a → b → own/,
    ],
    [
      'a circle of others',
      [{ include: ['a'] }, { name: 'a', include: ['b'] }, { name: 'b', include: ['a'] }],
      'includes_itself',
      /a → b → a/,
    ],
    ['one that does not exist', [{ include: ['a'] }], 'unknown_calendar', /no calendar "a"/],
    [
      'no working day',
      [{ weekdays: [], include: ['a'] }, { name: 'a' }],
      'no_working_day',
      /no day is a working day/,
    ],
    [
      'more days than are stored with each schedule',
      [
        {
          weekdays: ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'],
          holidays: [0, 1, 2].map((year) => ({
            from: `${2026 + year}-01-01`,
            to: `${2026 + year}-12-31`,
            name: 'x',
          })),
        },
      ],
      'too_many_days',
      /1096 days.* 1000 are taken/,
    ],
    [
      'more months',
      [
        {
          weekdays: ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'],
          holidays: Array.from({ length: 151 }, (_, month) =>
            holiday(new Date(Date.UTC(2026, month, 1)).toISOString().slice(0, 10)),
          ),
        },
      ],
      'too_many_months',
      /151 months.* 150 are taken/,
    ],
  ])('refuses %s', (_, input, code, message) => {
    const result = resolve(...input);
    expect(result).toEqual({
      errors: [expect.objectContaining({ code, message: expect.stringMatching(message) })],
    });
  });
});

describe('the input of a calendar', () => {
  test.each([
    [{ name: 'De By' }, ['name'], /lower-case letters/],
    [{ include: ['own'] }, ['include'], /cannot include itself/],
    [{ weekdays: [] }, ['weekdays'], /at least one working day/],
    [{ weekdays: ['MON', 'MON'] }, ['weekdays'], /twice/],
    [{ holidays: [holiday('2026-02-30')] }, ['holidays', 0], /./],
    [
      { holidays: [{ from: '2026-02-03', to: '2026-02-01', name: 'x' }] },
      ['holidays', 0, 'to'],
      /before from/,
    ],
    [
      { holidays: [{ from: '2026-02-03', to: '2027-02-04', name: 'x' }] },
      ['holidays', 0, 'to'],
      /at most 366 days/,
    ],
    [
      { holidays: [holiday('2026-05-01')], workingDays: [holiday('2026-05-01')] },
      ['holidays', 0, 'date'],
      /only one of them/,
    ],
    [{ holidays: Array.from({ length: 2_001 }, () => holiday('2026-05-01')) }, ['holidays'], /2000/],
  ])('no. %# is refused', (input, path, message) => {
    const { error } = BusinessCalendarInput.safeParse({ name: 'own', ...input });
    const issue = error?.issues.find((found) => path.every((part, index) => found.path[index] === part));
    expect(JSON.stringify(issue)).toMatch(message);
  });
});
