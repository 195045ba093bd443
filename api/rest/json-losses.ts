import type { FieldError } from '../../domain/errors.ts';
import { findUnstorable } from '../../domain/text.ts';
import { toPath } from './field-path.ts';
import { findNumberFault } from './number-fault.ts';

const MAX_DEPTH = 32;
const MAX_ERRORS = 50;
const MAX_PATH_LENGTH = 200;

/** An object or a list that the reader is in, and where in it. */
interface Container {
  /** The name of the field, none before the first one; or the index. */
  place: string | number | undefined;
  /** Whether the next text is the name of a field. */
  isNameNext: boolean;
  /** The names that an object has had, from the second one on: most have few. */
  names: Set<string> | undefined;
}

type Report = (code: string, message: string | undefined) => void;

/**
 * Lists what a text that is JSON holds and that would not be kept as it was sent, fifty faults at most; what is nested too
 * deeply is the last. A pass of its own, in the time of a few JSON.parse: parsers that tell of all this take several times
 * as long, and nothing else is answered meanwhile. Pure.
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
    if (isBetween(character)) continue;
    if (character === ',') goOn(inside);
    else if (character === '}' || character === ']') around.pop();
    else if (around.length > MAX_DEPTH && !inside?.isNameNext) {
      report('too_deep', `the body is nested deeper than ${MAX_DEPTH} levels`);
      break;
    } else if (character === '{') around.push({ place: undefined, isNameNext: true, names: undefined });
    else if (character === '[') around.push({ place: 0, isNameNext: false, names: undefined });
    else if (character === '"') {
      const end = endOfText(text, at);
      const isEscaped = hasEscape(at, end);
      const value = isEscaped ? (JSON.parse(text.slice(at, end)) as string) : text.slice(at + 1, end - 1);
      if (inside?.isNameNext) enterField(around, inside, value, report);
      // The bytes were UTF-8, and the text was JSON: only an escape can stand for what cannot be stored.
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

const isBetween = (character: string) =>
  character === ' ' || character === ':' || character === '\n' || character === '\r' || character === '\t';

/** Of true, false and null. */
const isLetter = (character: string) => character >= 'a';

function goOn(inside: Container | undefined): void {
  if (typeof inside?.place === 'number') inside.place++;
  else if (inside) inside.isNameNext = true;
}

function enterField(around: readonly Container[], object: Container, name: string, report: Report): void {
  const isAgain = object.names ? object.names.has(name) : object.place === name;
  if (object.names) object.names.add(name);
  else if (object.place !== undefined) object.names = new Set([String(object.place), name]);
  object.place = name;
  object.isNameNext = false;
  if (isAgain) report('duplicate_key', 'is given twice in one object; keep one');
  // Code that merges objects without care would change what all objects have in common.
  if (name === '__proto__' || (name === 'prototype' && around.at(-2)?.place === 'constructor'))
    report('forbidden_key', `no field may be named ${name}`);
}

/** Tells whether there is an escape in a stretch of the text; to be asked from its beginning to its end. */
function escapeFinder(text: string): (from: number, to: number) => boolean {
  let next = text.indexOf('\\');
  return (from, to) => {
    if (next !== -1 && next < from) next = text.indexOf('\\', from);
    return next !== -1 && next < to;
  };
}

/** Where a text in quotes ends that begins here. */
function endOfText(text: string, from: number): number {
  for (let quote = text.indexOf('"', from + 1); ; quote = text.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (text[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
}

/** Where a number, or true, false or null, ends that begins here. */
function endOfWord(text: string, from: number): number {
  let end = from + 1;
  while (end < text.length && !isBetween(text[end] as string) && !',]}'.includes(text[end] as string)) end++;
  return end;
}
