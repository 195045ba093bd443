import { FIVE_FIELDS, MACROS, SECOND, type FieldDefinition } from './fields.ts';

/** A day that depends on the month: the last day minus an offset, the last weekday, or the weekday nearest to a day. */
type DayOfMonthRule =
  { kind: 'lastDay'; offset: number } | { kind: 'lastWeekday' } | { kind: 'nearestWeekday'; day: number };

/** A weekday that depends on the month: the last one, or the nth one. */
type DayOfWeekRule = { kind: 'last'; day: number } | { kind: 'nth'; day: number; nth: number };

/** The values of a field, ascending. `star` is true if the field begins with `*` or is `?`. */
interface CronField {
  star: boolean;
  values: number[];
}

/** A parsed cron expression. */
export interface CronExpression {
  second: CronField;
  minute: CronField;
  hour: CronField;
  dayOfMonth: CronField & { rules: DayOfMonthRule[] };
  month: CronField;
  dayOfWeek: CronField & { rules: DayOfWeekRule[] };
}

/** An error in a cron expression. `position` is that of the wrong character, counted from 1. */
export class CronError extends Error {
  readonly position: number;

  constructor(reason: string, expression: string, position: number) {
    const shown = expression.length > 80 ? `${expression.slice(0, 80)}…` : expression;
    super(`${reason} in ${JSON.stringify(shown)} at position ${position}`);
    this.name = 'CronError';
    this.position = position;
  }
}

const MAX_LENGTH = 1_000;

interface Token {
  text: string;
  /** The position of the first character, counted from 1. */
  position: number;
}

/**
 * Parses a cron expression: five fields, or six with seconds first, or a macro such as `@daily`.
 * The grammar is that of Debian's cron (crontab(5)), with `?`, `L`, `W` and `#` as in Quartz, and ranges that wrap. Takes
 * time linear in the length of the text. Pure.
 * @throws CronError with the wrong value, its range and its position
 */
export function parseCron(expression: string): CronExpression {
  if (expression.length > MAX_LENGTH) {
    throw new CronError(
      `the expression has ${expression.length} characters, more than ${MAX_LENGTH}`,
      expression,
      MAX_LENGTH,
    );
  }
  const tokens = split(expression, ' \t', { text: expression, position: 1 }).filter(
    (token) => token.text !== '',
  );
  const first = tokens[0];
  if (first && /^(?:CRON_)?TZ=/i.test(first.text)) {
    const zone = JSON.stringify(first.text.slice(first.text.indexOf('=') + 1, 80) || 'Europe/Berlin');
    throw new CronError(
      `a cron names no time zone; write "timeZone": ${zone} beside it in the schedule, and only the fields here,`,
      expression,
      first.position,
    );
  }
  if (first?.text.startsWith('@')) return parseCron(expandMacro(first, tokens, expression));
  if (tokens.length !== 5 && tokens.length !== 6) {
    throw new CronError(
      `expected 5 fields (minute, hour, day of month, month, day of week) or 6 with seconds first, got ${tokens.length}`,
      expression,
      1,
    );
  }
  const [second, [minute, hour, dayOfMonth, month, dayOfWeek]] =
    tokens.length === 6 ? [tokens[0], tokens.slice(1)] : [undefined, tokens];
  const plain = (definition: FieldDefinition, token: Token | undefined): CronField => {
    const field = new FieldParser(definition, expression).parse(token as Token);
    return { star: field.star, values: field.values };
  };
  const [MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK] = FIVE_FIELDS;
  const days = new FieldParser(DAY_OF_MONTH, expression).parse(dayOfMonth as Token);
  const weekdays = new FieldParser(DAY_OF_WEEK, expression).parse(dayOfWeek as Token);
  return {
    second: second ? plain(SECOND, second) : { star: false, values: [0] },
    minute: plain(MINUTE, minute),
    hour: plain(HOUR, hour),
    dayOfMonth: { star: days.star, values: days.values, rules: days.dayOfMonthRules },
    month: plain(MONTH, month),
    dayOfWeek: { star: weekdays.star, values: weekdays.values, rules: weekdays.dayOfWeekRules },
  };
}

function expandMacro(macro: Token, tokens: Token[], expression: string): string {
  const expanded = MACROS[macro.text.toLowerCase()];
  if (expanded === undefined) {
    const known = Object.keys(MACROS).join(', ');
    const hint = macro.text.toLowerCase() === '@every' ? '; for intervals use schedule.every' : '';
    throw new CronError(
      `unknown macro ${JSON.stringify(macro.text.slice(0, 40))}, known are ${known}${hint}`,
      expression,
      macro.position,
    );
  }
  const extra = tokens[1];
  if (extra) throw new CronError('nothing may follow a macro', expression, extra.position);
  return expanded;
}

/** Splits a token at each of the separators, and keeps the position of each piece. */
function split(text: string, separators: string, origin: Token): Token[] {
  const pieces: Token[] = [];
  let start = 0;
  for (let index = 0; index <= text.length; index++) {
    if (index < text.length && !separators.includes(text.charAt(index))) continue;
    pieces.push({ text: text.slice(start, index), position: origin.position + start });
    start = index + 1;
  }
  return pieces;
}

class FieldParser {
  readonly #definition: FieldDefinition;
  readonly #expression: string;
  readonly #values = new Set<number>();
  readonly #dayOfMonthRules: DayOfMonthRule[] = [];
  readonly #dayOfWeekRules: DayOfWeekRule[] = [];

  constructor(definition: FieldDefinition, expression: string) {
    this.#definition = definition;
    this.#expression = expression;
  }

  parse(token: Token) {
    for (const item of split(token.text, ',', token)) this.#item(item);
    return {
      star: token.text.startsWith('*') || token.text === '?',
      values: [...this.#values].sort((a, b) => a - b),
      dayOfMonthRules: this.#dayOfMonthRules,
      dayOfWeekRules: this.#dayOfWeekRules,
    };
  }

  #item(item: Token): void {
    const { label } = this.#definition;
    if (item.text === '')
      this.#fail(`${label} has an empty entry; write a value between the commas`, item.position);
    if (this.#rule(item)) return;
    const [range, step, ...rest] = split(item.text, '/', item);
    if (range === undefined || rest[0])
      this.#fail(`${label} has more than one "/"`, rest[0]?.position ?? item.position);
    const stepSize = step ? this.#step(step) : 1;
    for (const value of this.#range(range, step !== undefined, stepSize)) this.#values.add(value);
  }

  /** `L`, `L-3`, `LW`, `15W` in the day of month; `5L`, `MON#2` in the day of week. */
  #rule(item: Token): boolean {
    const text = item.text.toUpperCase();
    if (this.#definition.key === 'dayOfMonth') return this.#ruleForDayOfMonth(text, item);
    if (this.#definition.key === 'dayOfWeek') return this.#ruleForDayOfWeek(text, item);
    return false;
  }

  #ruleForDayOfMonth(text: string, item: Token): boolean {
    if (text === 'L') this.#dayOfMonthRules.push({ kind: 'lastDay', offset: 0 });
    else if (text === 'LW' || text === 'WL') this.#dayOfMonthRules.push({ kind: 'lastWeekday' });
    else if (text.startsWith('L-')) {
      const offset = this.#number(
        { text: text.slice(2), position: item.position + 2 },
        'days before the last',
        1,
        30,
      );
      this.#dayOfMonthRules.push({ kind: 'lastDay', offset });
    } else if (text.endsWith('W') && text !== 'W') {
      const day = this.#number({ text: text.slice(0, -1), position: item.position }, 'day before "W"', 1, 31);
      this.#dayOfMonthRules.push({ kind: 'nearestWeekday', day });
    } else return false;
    return true;
  }

  #ruleForDayOfWeek(text: string, item: Token): boolean {
    const hash = text.indexOf('#');
    if (hash >= 0) {
      const day = this.#value({ text: text.slice(0, hash), position: item.position }) % 7;
      const nth = this.#number(
        { text: text.slice(hash + 1), position: item.position + hash + 1 },
        'week after "#"',
        1,
        5,
      );
      this.#dayOfWeekRules.push({ kind: 'nth', day, nth });
    } else if (text === 'L') {
      this.#fail('day of week "L" names no day; write "5L" or "FRIL" for the last Friday', item.position);
    } else if (text.endsWith('L')) {
      const day = this.#value({ text: text.slice(0, -1), position: item.position }) % 7;
      this.#dayOfWeekRules.push({ kind: 'last', day });
    } else return false;
    return true;
  }

  #range(token: Token, hasStep: boolean, step: number): number[] {
    const { key, label, min, max, cycle } = this.#definition;
    const last = key === 'dayOfWeek' ? 6 : max;
    if (token.text === '*') return series(min, last, step, min, cycle);
    if (token.text === '?') {
      if (key !== 'dayOfMonth' && key !== 'dayOfWeek')
        this.#fail(`${label} can't be "?"; only the day fields can`, token.position);
      if (hasStep) this.#fail(`${label} "?" takes no step`, token.position);
      return series(min, last, 1, min, cycle);
    }
    const [from, to, extra] = split(token.text, '-', token);
    if (extra) this.#fail(`${label} has more than one "-"`, extra.position);
    const first = this.#value(from as Token);
    const end = to ? this.#value(to) : undefined;
    // 7 is Sunday at the end of a week (5-7) and at its beginning (7-2).
    const start = key === 'dayOfWeek' && first === 7 && end !== 7 ? 0 : first;
    if (end === undefined) return series(start, hasStep ? last : start, step, min, cycle);
    return series(start, end < start ? end + cycle : end, step, min, cycle);
  }

  #step(token: Token): number {
    const { label, max, min, cycle } = this.#definition;
    return this.#number(token, `step of the ${label}`, 1, min === 0 ? Math.min(max, cycle - 1) : max);
  }

  #value(token: Token): number {
    const { label, min, max, names } = this.#definition;
    const index = names.indexOf(token.text.toUpperCase());
    if (index >= 0) return index + min;
    return this.#number(token, label, min, max);
  }

  #number(token: Token, label: string, min: number, max: number): number {
    if (token.text === '')
      this.#fail(`${label} is missing; it must be from ${min} to ${max}`, token.position);
    if (!/^\d{1,9}$/.test(token.text)) {
      const { names } = this.#definition;
      const orName = names.length > 0 ? ` or a name ${names[0]}–${names[names.length - 1]}` : '';
      this.#fail(
        `${label} ${JSON.stringify(token.text.slice(0, 40))} is not valid; write a number from ${min} to ${max}${orName}`,
        token.position,
      );
    }
    const value = Number(token.text);
    if (value < min || value > max)
      this.#fail(`${label} ${value} is out of range ${min}–${max}`, token.position);
    return value;
  }

  #fail(reason: string, position: number): never {
    throw new CronError(reason, this.#expression, position);
  }
}

/** start, start + step, … up to end, each wrapped into the cycle of the field. */
function series(start: number, end: number, step: number, min: number, cycle: number): number[] {
  const values: number[] = [];
  for (let value = start; value <= end; value += step) values.push(((value - min) % cycle) + min);
  return values;
}
