import jsonc from 'jsonc-parser';
import { invalid, SchedulerError, type FieldError } from '../domain/errors.ts';
import { findUnstorable } from '../domain/storable-text.ts';
import { toPath } from './field-path.ts';

const MAX_DEPTH = 32;
const MAX_ERRORS = 50;
/** No double needs more, and the time that a number takes is bounded by it. */
const LONGEST_NUMBER = 100;
/** So many significant digits are always kept (IEEE 754: 15), so a literal of this length is, sign and point included. */
const ALWAYS_EXACT = 15;
/** So many significant digits tell every double from its neighbours (IEEE 754: 17 decimal digits). */
const DIGITS_OF_A_DOUBLE = 17;

/**
 * Reads a JSON text (RFC 8259) in which nothing is lost: what JavaScript would round, merge or drop, and what PostgreSQL
 * cannot store, is refused.
 * @throws SchedulerError `not_json` for bytes that are no UTF-8 or no JSON, `invalid` with the places that cannot be kept
 */
export function readJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  // First the depth: what follows is recursive.
  requireDepth(value);
  const faults = findLosses(text);
  if (faults.length > 0) throw invalid(faults);
  return value;
}

/** A byte order mark is passed over, as RFC 8259, 8.1 allows. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SchedulerError(
      'not_json',
      'The body is not UTF-8: it holds bytes of another encoding. Send JSON as UTF-8 (RFC 8259, 8.1).',
      { cause },
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    // What the parser quotes of the body may be a secret.
    const words = String((cause as Error).message).replace(
      /, (\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s,
      '',
    );
    throw new SchedulerError('not_json', `The body cannot be read as JSON: ${words}`, { cause });
  }
}

function requireDepth(body: unknown): void {
  let level = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH)
      throw invalid([
        { path: '', code: 'too_deep', message: `the body is nested deeper than ${MAX_DEPTH} levels` },
      ]);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [],
    );
  }
}

/** Everything in a JSON text that would not be kept as it was sent. */
function findLosses(text: string): FieldError[] {
  const faults: FieldError[] = [];
  const report = (path: readonly PropertyKey[], code: string, message: string | undefined) => {
    if (message !== undefined && faults.length < MAX_ERRORS)
      faults.push({ path: toPath(path).slice(0, 200), code, message });
  };
  const names: Set<string>[] = [];
  jsonc.visit(text, {
    onObjectBegin: () => void names.push(new Set()),
    onObjectEnd: () => void names.pop(),
    onObjectProperty: (name, _offset, _length, _line, _character, parentOf) => {
      const parent = parentOf();
      const seen = names.at(-1);
      report(parent, 'not_text', findUnstorable(name));
      if (seen?.has(name))
        report([...parent, name], 'duplicate_key', 'is given twice in one object; keep one');
      // Code that merges objects without care would change what all objects have in common.
      if (name === '__proto__' || (name === 'prototype' && parent.at(-1) === 'constructor'))
        report([...parent, name], 'forbidden_key', `no field may be named ${name}`);
      seen?.add(name);
    },
    onLiteralValue: (value: unknown, offset, length, _line, _character, pathOf) => {
      if (typeof value === 'string') report(pathOf(), 'not_text', findUnstorable(value));
      if (typeof value === 'number')
        report(pathOf(), 'not_exact', findNumberFault(text.slice(offset, offset + length)));
    },
  });
  return faults;
}

/** Says why a number of a JSON text would arrive as another one; undefined if it is kept. Pure. */
export function findNumberFault(literal: string): string | undefined {
  const value = Number(literal);
  const size = Math.abs(value);
  if (literal.length <= ALWAYS_EXACT && size > 1e-290 && size < 1e290) return undefined;
  if (!Number.isFinite(value))
    return `${shorten(literal)} is out of range; numbers reach up to 1.79e308. Send it as a text`;
  if (literal.length > LONGEST_NUMBER)
    return `a number of ${literal.length} characters is too long, at most ${LONGEST_NUMBER} are read; send it as a text`;
  const sent = normalize(literal);
  const kept = sent === normalize(JSON.stringify(value));
  // Some languages write all 17 digits of a double, such as 0.10000000000000001: it is the same double.
  const isSameDouble = !Number.isInteger(value) && sent === normalize(value.toPrecision(DIGITS_OF_A_DOUBLE));
  if (kept || isSameDouble) return undefined;
  return `${shorten(literal)} would be rounded to ${JSON.stringify(value)}; send it as a text`;
}

const shorten = (literal: string) => (literal.length > 40 ? `${literal.slice(0, 40)}…` : literal);

/** A decimal number in one way of writing: its digits without zeros at the ends, and the exponent of the last one. */
function normalize(literal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}
