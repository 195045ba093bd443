const REDACTED = '[secret]';
/** Shorter secrets are left alone: they occur in ordinary text. */
const MIN_LENGTH = 4;
/** Characters of a response that are stored. */
const EXCERPT_LENGTH = 1_024;
/** Characters of an error that are stored. */
export const MAX_ERROR_LENGTH = 500;

/**
 * A text as PostgreSQL stores it: redacted, cut to `maxLength` characters, without NUL and unpaired
 * surrogates. Pure.
 */
export const toStorable = (text: string, secrets: string[] = [], maxLength = EXCERPT_LENGTH) =>
  redact(text, secrets).slice(0, maxLength).replaceAll('\0', '\uFFFD').toWellFormed();

/**
 * Replaces secrets in a text: as they are, without the scheme of an Authorization, and as JSON, HTML
 * and URLs write them. Pure.
 */
export const redact = (text: string, secrets: readonly string[]): string =>
  writtenForms(secrets).reduce((redacted, secret) => redacted.replaceAll(secret, REDACTED), text);

/** Replaces the beginning of a secret at the end of a text that was cut off there. Pure. */
export function redactEnd(text: string, secrets: readonly string[]): string {
  const starts = writtenForms(secrets).map((secret) => {
    const begin = secret.slice(0, MIN_LENGTH);
    let start = text.indexOf(begin, Math.max(0, text.length - secret.length + 1));
    while (start !== -1 && !secret.startsWith(text.slice(start))) start = text.indexOf(begin, start + 1);
    return start;
  });
  const first = Math.min(...starts.filter((start) => start !== -1));
  return Number.isFinite(first) ? text.slice(0, first) + REDACTED : text;
}

/** Every form in which secrets are searched, the longest first. */
const writtenForms = (secrets: readonly string[]): string[] =>
  [...new Set(secrets.flatMap((secret) => [secret, secret.trim(), withoutScheme(secret.trim())]))]
    .flatMap((secret) => [secret, ...writtenIn(secret)])
    .filter((secret) => secret.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length);

const withoutScheme = (secret: string) => secret.replace(/^\S+ +(?=\S{8})/, '');

function writtenIn(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const html = secret.replace(/[&<>"']/g, (character) => HTML[character] as string);
  const encoded = encodeURIComponent(secret);
  return [
    json,
    json.replaceAll('/', '\\/'),
    html,
    html.replaceAll('&#39;', '&#x27;'),
    encoded,
    encoded.replaceAll('%20', '+'),
    encodeURI(secret),
    // A header is sent as Latin-1. A target that reads it as UTF-8 writes it like this.
    Buffer.from(secret, 'latin1').toString('utf8'),
  ];
}

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
