import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { parseInput } from './validation.ts';

/** Valid values that replace required strings while the rest is validated. */
const STAND_INS: Record<string, string> = {
  url: 'https://example.com/',
  workflowType: 'x',
  activityType: 'x',
  taskQueue: 'x',
};

/**
 * Parses the result of a patch. The input before it was accepted, perhaps under older rules. An unchanged value keeps a fault
 * that it had before; everything else is validated.
 * @throws SchedulerError `invalid` that lists the faults
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
  const withStandIns = structuredClone(patched);
  for (const path of kept) replace(withStandIns, path, STAND_INS[String(path.at(-1))]);
  const rest = schema.safeParse(withStandIns);
  if (!rest.success) return parseInput(schema, patched);
  const data = structuredClone(rest.data);
  for (const path of kept) replace(data, path, valueAt(before, path));
  return data;
}

/** Identifies a fault. The message belongs to it, because custom faults of one field differ in nothing else. */
const keyOf = ({ path, code, message }: z.core.$ZodIssue) => JSON.stringify([path, code, message]);

const valueAt = (value: unknown, path: readonly PropertyKey[]) =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
        ? (inner as Record<PropertyKey, unknown>)[key]
        : undefined,
    value,
  );

/** Sets the value at a path; undefined deletes it. */
function replace(whole: object, path: readonly PropertyKey[], value: unknown): void {
  const parent = valueAt(whole, path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined;
  const key = path.at(-1) as PropertyKey;
  if (!parent) return;
  if (value === undefined) Reflect.deleteProperty(parent, key);
  else parent[key] = value;
}
