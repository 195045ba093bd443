// The second line of defence: no code means to log secrets, and this redacts those that slip in. It finds them by the names of
// fields, and by their form anywhere in a line.

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

/** Setting of pino: redacts top-level fields of these names. Nested paths would make every line ten times as expensive. */
export const REDACT = { paths: NAMES, censor: CENSOR };

const TEXT = String.raw`"(?:[^"\\]|\\.)*"`;

/** Fields of these names with a string or an array of strings, at any depth of a line of JSON. */
const NAMED = new RegExp(
  `("(?:${[...NAMES, 'set-cookie', 'x-api-key', 'api[-_]?key'].join('|')})":)(?:${TEXT}|\\[(?:${TEXT},?)*\\])`,
  'gi',
);

const PATTERNS: [RegExp, string][] = [
  [NAMED, `$1"${CENSOR}"`],
  // Credentials in a URL, such as a connection string.
  [/:\/\/[^\s/@"\\]+@/g, `://${CENSOR}@`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${CENSOR}`],
  // API keys of this service, signing secrets, and JSON Web Tokens.
  [/\bsched_live_\w+/g, CENSOR],
  [/\bwhsec_[\w+/=-]+/g, CENSOR],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, CENSOR],
];

/** Redacts everything in a line of the log that looks like a secret. Pure. */
export function redactLine(line: string): string {
  let redacted = line;
  for (const [pattern, replacement] of PATTERNS) redacted = redacted.replace(pattern, replacement);
  return redacted;
}
