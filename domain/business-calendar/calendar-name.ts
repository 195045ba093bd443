import { z } from 'zod';

/** The name of a business calendar, unique in its namespace. It is part of addresses, so it is plain. */
export const CalendarName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, {
    error:
      'a calendar’s name has 1 to 63 lower-case letters, digits, ".", "_" or "-", and begins with a letter or a digit',
  })
  .meta({ example: 'de-by' });
