import { HOOKS, type HookName } from '../run/hook-trigger.ts';
import type { StoredHttpTarget } from '../target/http-target.ts';
import type { ShownDefinition } from './job.ts';
import type { JobWarning } from './job-warning.ts';

/** Warns of what the author of a job may not have meant. For its schedule, see `findWarnings`. Pure. */
export function findJobWarnings(job: Pick<ShownDefinition, 'target' | HookName>): JobWarning[] {
  const calls = HOOKS.map((name) => [`${name}.target`, job[name]?.target] as const);
  return [['target', job.target] as const, ...calls].flatMap(([path, target]) =>
    target?.type === 'http' ? warnOfJsonText(path, target) : [],
  );
}

function warnOfJsonText(path: string, { body, headers }: StoredHttpTarget): JobWarning[] {
  const hasType = Object.keys(headers).some((name) => name.toLowerCase() === 'content-type');
  if (hasType || typeof body !== 'string' || !holdsJson(body)) return [];
  const message =
    'the body is a text that holds JSON, and goes as text/plain; give the JSON itself, not in quotes, or set the header Content-Type';
  return [{ path: `${path}.body`, code: 'json_as_text', message }];
}

/** Whether a text is a JSON object or array once its placeholders are filled in. */
function holdsJson(text: string): boolean {
  const filled = text.trim().replace(/\{\{[^{}]*\}\}/g, '0');
  if (!/^[[{]/.test(filled)) return false;
  try {
    JSON.parse(filled);
    return true;
  } catch {
    return false;
  }
}
