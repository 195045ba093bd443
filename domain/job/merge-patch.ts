/**
 * Applies a JSON merge patch (RFC 7396): null takes a member away, an object is merged into the one that is there, and
 * anything else takes the place of what was there. Neither argument is changed. Pure.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    // No member of JSON as we take it; whoever copies the result by assignment must not stumble over it.
    if (name === '__proto__') continue;
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
