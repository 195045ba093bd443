const BLOT = '[secret]';
/** Shorter ones are no secrets, and would blot out half of what they are looked for in. */
const MIN_LENGTH = 4;

/** Replaces secrets in a text, also as JSON would write them, and the credentials of an Authorization without its scheme. */
export function blotOut(text: string, secrets: readonly string[]): string {
  return secrets
    .flatMap((secret) => [secret, secret.replace(/^\S+ +(?=\S{8})/, '')])
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= MIN_LENGTH)
    .sort((a, b) => b.length - a.length)
    .reduce((blotted, secret) => blotted.replaceAll(secret, BLOT), text);
}
