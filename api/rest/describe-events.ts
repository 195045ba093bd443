import { z } from 'zod';

/** One kind of server-sent events. */
export interface EventKind {
  /** Of its `data`, which is JSON; named, and with an example. */
  data: z.ZodType;
  /** An example of its `id`, if it has one. */
  id?: string;
}

function nameOf(schema: z.ZodType): string {
  const name = schema.meta()?.id;
  if (name === undefined) throw new Error('A schema of the data of events has no name.');
  return name;
}

/**
 * What the document says of a stream of server-sent events, by their `event:`. The schema is that of each event, as the HTML
 * standard gives it to its readers, and as OpenAPI 3.2 names its fields; 3.1 has no word of its own for this.
 */
export function describeEvents(kinds: Record<string, EventKind>) {
  const all = Object.entries(kinds);
  return {
    schema: z.union(
      all.map(([event, { data, id }]) =>
        z.strictObject({
          event: z.literal(event),
          ...(id === undefined ? {} : { id: z.string().meta({ example: id }) }),
          data: z.string().meta({
            contentMediaType: 'application/json',
            contentSchema: { $ref: `#/components/schemas/${nameOf(data)}` },
          }),
        }),
      ),
    ),
    examples: Object.fromEntries(
      all.map(([event, { data, id }]) => [
        event,
        {
          value: {
            event,
            ...(id === undefined ? {} : { id }),
            data: JSON.stringify(data.meta()?.['example']),
          },
        },
      ]),
    ),
  };
}
