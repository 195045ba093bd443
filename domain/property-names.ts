import { z } from 'zod';

/** The JSON Schema of a record's keys, and their largest number: the OpenAPI generator leaves both out. */
export function propertyNames(key: z.ZodType, maxProperties?: number) {
  const { pattern, minLength, maxLength } = z.toJSONSchema(key);
  const names = Object.entries({ pattern, minLength, maxLength }).filter(([, value]) => value !== undefined);
  return {
    propertyNames: Object.fromEntries(names),
    ...(maxProperties === undefined ? {} : { maxProperties }),
  };
}
