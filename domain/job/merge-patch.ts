/**
 * Applies a JSON merge patch (RFC 7396): null removes a member, an object is merged, and any other value replaces the old
 * one. Neither argument is changed. Pure.
 */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const members = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    // Ignored, because code that copies the result by assignment would set the prototype.
    if (name === '__proto__') continue;
    if (value === null) members.delete(name);
    else members.set(name, mergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
