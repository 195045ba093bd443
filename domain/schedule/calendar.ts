/** An arithmetic series: start, start + step, … up to and including end. */
export interface Range {
  start: number;
  end: number;
  step: number;
}

/**
 * A set of local times: all fields must match. It is equivalent to a structured calendar of a Temporal Schedule. A cron
 * expression is compiled to one or more calendars.
 * Months are 1–12, days of the week 0 (Sunday) – 6; a missing year matches every year.
 */
export interface Calendar {
  second: Range[];
  minute: Range[];
  hour: Range[];
  dayOfMonth: Range[];
  month: Range[];
  dayOfWeek: Range[];
  year?: Range[];
}

/** The years that a structured calendar of Temporal supports. */
export const FIRST_YEAR = 2000;
export const LAST_YEAR = 2100;

/** The integers from `from` to `to`, both included. */
export const numbers = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

/** Combines values into few ranges, ascending: a series of three or more becomes one range with a step. */
export function toRanges(values: readonly number[]): Range[] {
  const isAscending = values.every((value, index) => index === 0 || value > (values[index - 1] as number));
  const sorted = isAscending ? values : [...new Set(values)].sort((a, b) => a - b);
  const ranges: Range[] = [];
  let index = 0;
  while (index < sorted.length) {
    const start = sorted[index] as number;
    const step = (sorted[index + 1] ?? start + 1) - start;
    let last = index;
    while (last + 1 < sorted.length && (sorted[last + 1] as number) - (sorted[last] as number) === step)
      last++;
    if (last - index < 2 && step !== 1) last = index;
    ranges.push({ start, end: sorted[last] as number, step: last === index ? 1 : step });
    index = last + 1;
  }
  return ranges;
}

/** All values of the ranges, ascending. */
export function toValues(ranges: readonly Range[]): number[] {
  const values = new Set<number>();
  for (const { start, end, step } of ranges)
    for (let value = start; value <= end; value += step) values.add(value);
  return [...values].sort((a, b) => a - b);
}
