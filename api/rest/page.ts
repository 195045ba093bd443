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
    .meta({ description: 'Maximum number of entries on the page.', example: 50 }),
  cursor: z.string().max(500).optional().meta({ description: 'The `nextCursor` of the previous page.' }),
};

/** The answer of every list. */
export const pageOf = (item: z.ZodType, id: string) =>
  z
    .strictObject({
      items: z.array(item),
      nextCursor: z
        .string()
        .nullable()
        .meta({ description: 'Send it as `cursor` to get the next page. Null on the last page.' }),
    })
    .meta({ id });

/** A position in a list, as an opaque string. */
const encodeCursor = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString('base64url');

/**
 * The position that a cursor stands for.
 * @throws SchedulerError `invalid` if the cursor is not one of this list
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

/** The answer for one page. `rows` holds up to `limit` + 1 entries; the extra one tells that there is a next page. */
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
