import { z } from 'zod';

/** For the document: which names the fields of a record may have, and how many there may be. The generator leaves that out. */
export function propertyNames(key: z.ZodType, maxProperties?: number) {
  const { pattern, minLength, maxLength } = z.toJSONSchema(key);
  const names = Object.entries({ pattern, minLength, maxLength }).filter(([, value]) => value !== undefined);
  return {
    propertyNames: Object.fromEntries(names),
    ...(maxProperties === undefined ? {} : { maxProperties }),
  };
}
