import { isDeepStrictEqual } from 'node:util';
import type { JobRow } from '../../db/schema.ts';
import { HOOKS } from '../../domain/run/hook-trigger.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import type { ShownDefinition, StoredDefinition } from '../../domain/job/job.ts';
import type { RevisionChanges } from '../../domain/job/revision.ts';
import type { SecretPlace } from '../../domain/job/extract-secrets.ts';
import { skipsIn } from '../../domain/schedule/skips.ts';
import type { StoredSchedule } from '../../domain/schedule/schedule.ts';
import { asRequested } from '../../domain/schedule/as-requested.ts';
import { definitionOf } from './job-definition.ts';
import type { StoredChange } from './job-change.ts';

/**
 * What a change does, field by field, for the job's revision. `schedule` is the job's after it, in force `since`. It holds no
 * secrets. Pure.
 */
export function findChanges(
  job: JobRow,
  { definition, state, pause }: Pick<StoredChange, 'definition' | 'state' | 'pause'>,
  { newSecrets, schedule, since }: { newSecrets: SecretPlace[]; schedule: StoredSchedule; since: Date },
): RevisionChanges {
  // What was due before is no part of the change.
  const sinceMs = since.getTime();
  const changes: RevisionChanges = {};
  const compare = (field: string, before: unknown, after: unknown) => {
    if (!isDeepStrictEqual(before, after)) changes[field] = { before, after };
  };
  if (definition) {
    const { timeout: oldTimeout, ...before } = definitionOf(job);
    const { timeout, ...after } = { ...definition, schedule: asRequested(definition.schedule) };
    for (const field of new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof typeof after>)
      compare(field, before[field], after[field]);
    const hidden = hideNewSecrets(definitionOf(job), definition);
    for (const field of ['target', ...HOOKS] as const)
      if (changes[field]) changes[field].before = hidden[field];
    compare(
      'schedule.businessDays.days',
      daysGenerationOf(job.schedule),
      daysGenerationOf(definition.schedule),
    );
    compare('timeout', oldTimeout ?? null, timeout ?? null);
  }
  for (const { path } of newSecrets) changes[path] = { after: 'a new secret' };
  compare('skips', skipsIn(job.schedule, sinceMs), skipsIn(schedule, sinceMs));
  if (state !== undefined) compare('state', job.state, state);
  if (pause) {
    compare('pause.reason', job.pause_reason, pause.reason);
    compare('pause.until', job.paused_until, pause.until);
  }
  return changes;
}

/** Which generation of its calendar's working days a schedule holds, in words; undefined if it names no calendar. */
function daysGenerationOf(schedule: StoredSchedule): string | undefined {
  if (!('businessDays' in schedule) || !schedule.businessDays) return undefined;
  return `generation ${schedule.businessDays.generation}`;
}

/** Hides, in an old definition, the values of headers that a new one makes secret. */
function hideNewSecrets(before: ShownDefinition, after: StoredDefinition): ShownDefinition {
  const hidden = { ...before };
  if (before.target.type === 'http' && after.target.type === 'http')
    hidden.target = hideHeaders(before.target, after.target);
  for (const name of HOOKS) {
    const [hook, newHook] = [before[name], after[name]];
    if (hook && newHook)
      Object.assign(hidden, { [name]: { ...hook, target: hideHeaders(hook.target, newHook.target) } });
  }
  return hidden;
}

/** A target with the headers hidden that are secret in another one. */
function hideHeaders(target: StoredHttpTarget, other: StoredHttpTarget): StoredHttpTarget {
  const secret = new Set(
    Object.entries(other.headers)
      .filter(([, value]) => typeof value !== 'string')
      .map(([name]) => name.toLowerCase()),
  );
  const headers = Object.entries(target.headers).map(([name, value]): [string, typeof value] => [
    name,
    secret.has(name.toLowerCase()) ? { secret: true } : value,
  ]);
  return { ...target, headers: Object.fromEntries(headers) };
}
