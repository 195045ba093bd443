import type { FieldError } from '../../domain/errors.ts';
import { findUnstorable } from '../../domain/text.ts';
import { toPath } from './field-path.ts';
import { findNumberFault } from './number-fault.ts';

const MAX_DEPTH = 32;
const MAX_ERRORS = 50;
const MAX_PATH_LENGTH = 200;

/** An object or array around the current position, and the position within it. */
interface Container {
  /** The name of the current field, undefined before the first one; or the index in an array. */
  place: string | number | undefined;
  /** Whether the next string is the name of a field. */
  isNameNext: boolean;
  /** All names so far, created at the second one, because most objects have few. */
  names: Set<string> | undefined;
}

type Report = (code: string, message: string | undefined) => void;

/**
 * Finds values in valid JSON that would not survive as they were sent: numbers that JavaScript rounds, duplicate names,
 * strings that PostgreSQL cannot store. Lists up to fifty faults, and stops at the first value that is nested too deeply.
 * Scans the text itself, in the time of a few `JSON.parse`; full parsers that report this take several times as long, and
 * block all other requests meanwhile. Pure.
 */
export function findLosses(text: string): FieldError[] {
  const faults: FieldError[] = [];
  const around: Container[] = [];
  const report: Report = (code, message) => {
    if (message === undefined) return;
    const path = around.flatMap(({ place }) => (place === undefined ? [] : [place]));
    faults.push({ path: toPath(path).slice(0, MAX_PATH_LENGTH), code, message });
  };
  const hasEscape = escapeFinder(text);
  for (let at = 0; at < text.length && faults.length < MAX_ERRORS; at++) {
    const character = text[at] as string;
    const inside = around.at(-1);
    if (isSeparator(character)) continue;
    if (character === ',') advance(inside);
    else if (character === '}' || character === ']') around.pop();
    else if (around.length > MAX_DEPTH && !inside?.isNameNext) {
      report('too_deep', `the body is nested deeper than ${MAX_DEPTH} levels`);
      break;
    } else if (character === '{') around.push({ place: undefined, isNameNext: true, names: undefined });
    else if (character === '[') around.push({ place: 0, isNameNext: false, names: undefined });
    else if (character === '"') {
      const end = endOfString(text, at);
      const isEscaped = hasEscape(at, end);
      const value = isEscaped ? (JSON.parse(text.slice(at, end)) as string) : text.slice(at + 1, end - 1);
      if (inside?.isNameNext) enterField(around, inside, value, report);
      // The text is valid UTF-8 and JSON, so only an escape can stand for a character that cannot be stored.
      if (isEscaped) report('not_text', findUnstorable(value));
      at = end - 1;
    } else {
      const end = endOfWord(text, at);
      if (!isLetter(character)) report('not_exact', findNumberFault(text.slice(at, end)));
      at = end - 1;
    }
  }
  return faults;
}

const isSeparator = (character: string) =>
  character === ' ' || character === ':' || character === '\n' || character === '\r' || character === '\t';

/** The first letter of true, false or null. */
const isLetter = (character: string) => character >= 'a';

function advance(inside: Container | undefined): void {
  if (typeof inside?.place === 'number') inside.place++;
  else if (inside) inside.isNameNext = true;
}

function enterField(around: readonly Container[], object: Container, name: string, report: Report): void {
  const isDuplicate = object.names ? object.names.has(name) : object.place === name;
  if (object.names) object.names.add(name);
  else if (object.place !== undefined) object.names = new Set([String(object.place), name]);
  object.place = name;
  object.isNameNext = false;
  if (isDuplicate) report('duplicate_key', 'is given twice in one object; keep one');
  // Against prototype pollution in code that merges objects.
  if (name === '__proto__' || (name === 'prototype' && around.at(-2)?.place === 'constructor'))
    report('forbidden_key', `no field may be named ${name}`);
}

/** Tells whether there is an escape between two positions. Calls must go through the text in order. */
function escapeFinder(text: string): (from: number, to: number) => boolean {
  let next = text.indexOf('\\');
  return (from, to) => {
    if (next !== -1 && next < from) next = text.indexOf('\\', from);
    return next !== -1 && next < to;
  };
}

/** The position after the string that begins here. */
function endOfString(text: string, from: number): number {
  for (let quote = text.indexOf('"', from + 1); ; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
}

/** The position after the number, or true, false or null, that begins here. */
function endOfWord(text: string, from: number): number {
  let end = from + 1;
  while (end < text.length && !isSeparator(text[end] as string) && !',]}'.includes(text[end] as string))
    end++;
  return end;
}
