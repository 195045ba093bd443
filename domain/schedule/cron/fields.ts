/** A field of a cron expression: its label in messages, its bounds, and the names that it accepts. */
export interface FieldDefinition {
  key: 'second' | 'minute' | 'hour' | 'dayOfMonth' | 'month' | 'dayOfWeek';
  label: string;
  min: number;
  max: number;
  /** The number of distinct values: 7 for the day of week, where 7 is Sunday as well as 0. */
  cycle: number;
  names: readonly string[];
}

export const MONTH_NAMES = [
  'JAN',
  'FEB',
  'MAR',
  'APR',
  'MAY',
  'JUN',
  'JUL',
  'AUG',
  'SEP',
  'OCT',
  'NOV',
  'DEC',
] as const;
export const DAY_NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'] as const;

export const FULL_MONTH_NAMES = [
  'JANUARY',
  'FEBRUARY',
  'MARCH',
  'APRIL',
  'MAY',
  'JUNE',
  'JULY',
  'AUGUST',
  'SEPTEMBER',
  'OCTOBER',
  'NOVEMBER',
  'DECEMBER',
] as const;
export const FULL_DAY_NAMES = [
  'SUNDAY',
  'MONDAY',
  'TUESDAY',
  'WEDNESDAY',
  'THURSDAY',
  'FRIDAY',
  'SATURDAY',
] as const;

export const SECOND: FieldDefinition = {
  key: 'second',
  label: 'second',
  min: 0,
  max: 59,
  cycle: 60,
  names: [],
};
const MINUTE: FieldDefinition = { key: 'minute', label: 'minute', min: 0, max: 59, cycle: 60, names: [] };
const HOUR: FieldDefinition = { key: 'hour', label: 'hour', min: 0, max: 23, cycle: 24, names: [] };
const DAY_OF_MONTH: FieldDefinition = {
  key: 'dayOfMonth',
  label: 'day of month',
  min: 1,
  max: 31,
  cycle: 31,
  names: [],
};
const MONTH: FieldDefinition = {
  key: 'month',
  label: 'month',
  min: 1,
  max: 12,
  cycle: 12,
  names: MONTH_NAMES,
};
const DAY_OF_WEEK: FieldDefinition = {
  key: 'dayOfWeek',
  label: 'day of week',
  min: 0,
  max: 7,
  cycle: 7,
  names: DAY_NAMES,
};

/** The five fields in the order of a cron expression. */
export const FIVE_FIELDS = [MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK] as const;

/** The expressions that macros stand for. `@reboot` is refused, because it has no meaning for a service. */
export const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
