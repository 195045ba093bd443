import { invalid, SchedulerError } from '../../domain/errors.ts';
import { findLosses } from './json-losses.ts';

/**
 * Parses JSON (RFC 8259) without loss: refuses what JavaScript would round, merge or drop, and what PostgreSQL cannot store.
 * @throws SchedulerError `not_json` if the bytes are not UTF-8 or not JSON, `invalid` with the paths of values that would be lost
 */
export function readJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  const value = parse(text);
  const faults = findLosses(text);
  if (faults.length > 0) throw invalid(faults);
  return value;
}

/** Skips a byte order mark, as RFC 8259, 8.1 allows. */
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
    // The parser quotes the body, which may hold secrets.
    const message = String((cause as Error).message).replace(
      /, (\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s,
      '',
    );
    throw new SchedulerError('not_json', `The body cannot be read as JSON: ${message}`, { cause });
  }
}
