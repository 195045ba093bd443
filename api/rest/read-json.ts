import { invalid, SchedulerError } from '../../domain/errors.ts';
import { findLosses } from './json-losses.ts';

/**
 * Reads a JSON text (RFC 8259) in which nothing is lost: what JavaScript would round, merge or drop, and what PostgreSQL
 * cannot store, is refused.
 * @throws SchedulerError `not_json` for bytes that are no UTF-8 or no JSON, `invalid` with the places that cannot be kept
 */
export function readJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
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
