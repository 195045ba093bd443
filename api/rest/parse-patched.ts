import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { parseInput } from './validation.ts';

/** What stands for a required text while the rest is judged. */
const STAND_INS: Record<string, string> = {
  url: 'https://example.com/',
  workflowType: 'x',
  activityType: 'x',
  taskQueue: 'x',
};

/**
 * Parses what a patch makes of an input that was accepted once, maybe by older rules. A value that the patch does not touch,
 * and that was faulty in the same way before, stays as it is; everything else is judged.
 * @throws SchedulerError `invalid` that lists all faults
 */
export function parsePatched<Schema extends z.ZodType<object>>(
  schema: Schema,
  patched: object,
  before: object,
): z.output<Schema> {
  const result = schema.safeParse(patched);
  if (result.success) return result.data;
  const old = new Set(schema.safeParse(before).error?.issues.map(keyOf));
  const kept = result.error.issues
    .filter((issue) => issue.path.length > 0 && old.has(keyOf(issue)))
    .map(({ path }) => path)
    .filter((path) => isDeepStrictEqual(valueAt(patched, path), valueAt(before, path)));
  const judged = structuredClone(patched);
  for (const path of kept) replace(judged, path, STAND_INS[String(path.at(-1))]);
  const rest = schema.safeParse(judged);
  if (!rest.success) return parseInput(schema, patched);
  const data = structuredClone(rest.data);
  for (const path of kept) replace(data, path, valueAt(before, path));
  return data;
}

const keyOf = ({ path, code, message }: z.core.$ZodIssue) => JSON.stringify([path, code, message]);

const valueAt = (value: unknown, path: readonly PropertyKey[]) =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );

/** Puts a value into an object; undefined takes out what is there. */
function replace(whole: object, path: readonly PropertyKey[], value: unknown): void {
  const parent = valueAt(whole, path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
  const key = path.at(-1) as PropertyKey;
  if (!parent) return;
  if (value === undefined) Reflect.deleteProperty(parent, key);
  else parent[key] = value;
}
