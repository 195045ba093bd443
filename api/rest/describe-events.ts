import { z } from 'zod';

/** Server-sent events with the same `event` field. */
export interface EventKind {
  /** Schema of the JSON in `data`. It needs a name and an example. */
  data: z.ZodType;
  /** An example of the `id` field, if the events have one. */
  id?: string;
}

function nameOf(schema: z.ZodType): string {
  const name = schema.meta()?.id;
  if (name === undefined) throw new Error('The schema of the data of an event has no name.');
  return name;
}

/**
 * Describes a stream of server-sent events for the OpenAPI document. The schema is that of one event, with the fields that
 * the HTML standard and OpenAPI 3.2 give it; OpenAPI 3.1 cannot describe streams.
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
