import { z } from 'zod';
import { invalid } from '../../domain/errors.ts';

/** The query of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .meta({ description: 'Entries of a page.', example: 50 }),
  cursor: z.string().max(500).optional().meta({ description: 'The `nextCursor` of the page before.' }),
};

/** The answer of every list. */
export const pageOf = (item: z.ZodType, id: string) =>
  z
    .strictObject({
      items: z.array(item),
      nextCursor: z
        .string()
        .nullable()
        .meta({ description: 'Give it as `cursor` to get the next page; null on the last one.' }),
    })
    .meta({ id });

/** A place in a list as an opaque text. */
const encodeCursor = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString('base64url');

/**
 * The place that a cursor stands for.
 * @throws SchedulerError `invalid` for one that this service did not make
 */
export function decodeCursor<Place>(schema: z.ZodType<Place>, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    throw invalid([
      {
        path: 'cursor',
        code: 'invalid_cursor',
        message: 'is not a cursor of this list; use the nextCursor of its last answer',
      },
    ]);
  }
}

/**
 * The answer for one page. `rows` are read with one more than `limit`, which tells whether there is a next page.
 */
export function toPage<Row, Item>(
  rows: Row[],
  limit: number,
  url: URL,
  toItem: (row: Row) => Item,
  toPlace: (row: Row) => unknown,
): { headers: Record<string, string>; body: { items: Item[]; nextCursor: string | null } } {
  const shown = rows.slice(0, limit);
  const last = shown[shown.length - 1];
  const nextCursor = rows.length > limit && last !== undefined ? encodeCursor(toPlace(last)) : null;
  const headers: Record<string, string> = {};
  if (nextCursor !== null) {
    const next = new URL(url);
    next.searchParams.set('cursor', nextCursor);
    headers['Link'] = `<${next.pathname}${next.search}>; rel="next"`;
  }
  return { headers, body: { items: shown.map(toItem), nextCursor } };
}
