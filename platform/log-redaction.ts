// Nothing secret is meant to be logged. Should it happen all the same, this keeps it out of the log: by the names of
// fields, and by how secrets look wherever they stand in a text.

const CENSOR = '[redacted]';

const NAMES = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'secrets',
  'previousSecret',
  'token',
  'key',
  'apiKey',
  'apiKeyPepper',
  'connectionString',
  'databaseUrl',
  'API_KEY_PEPPER',
  'DATABASE_URL',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'SECRET_KEYS',
  'TEMPORAL_API_KEY',
];

/** For pino: fields of these names, whatever they hold. Of fields below, pino would make every line cost ten times as much. */
export const REDACT = { paths: NAMES, censor: CENSOR };

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`;

/** Fields of these names that hold a text or a list of texts, at any depth, as they stand in a line of JSON. */
const NAMED = new RegExp(
  `("(?:${[...NAMES, 'set-cookie', 'x-api-key', 'api[-_]?key'].join('|')})":)(?:${TEXT}|\\[(?:${TEXT},?)*\\])`,
  'gi',
);

const PATTERNS: [RegExp, string][] = [
  [NAMED, `$1"${CENSOR}"`],
  // Credentials of a URL, such as a connection string.
  [/:\/\/[^\s/@"\\]+@/g, `://${CENSOR}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${CENSOR}`],
  // Keys of this service, secrets of signatures, and JSON Web Tokens.
  [/\bsched_live_\w+/g, CENSOR],
  [/\bwhsec_[\w+/=-]+/g, CENSOR],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, CENSOR],
];

/** A line of the log, as JSON, without what looks like a secret. Pure. */
export function redactLine(line: string): string {
  let redacted = line;
  for (const [pattern, replacement] of PATTERNS) redacted = redacted.replace(pattern, replacement);
  return redacted;
}
