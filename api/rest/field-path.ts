/** A path in the input as JavaScript writes it: `schedule.cron[1]`, `target.headers["a b"]`. Pure. */
export function toPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else if (/^[A-Za-z_$][\w$]*$/.test(String(key))) text += text === '' ? String(key) : `.${String(key)}`;
    else text += `[${JSON.stringify(String(key).slice(0, 64))}]`;
  }
  return text;
}
