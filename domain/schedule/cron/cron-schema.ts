import { z } from 'zod';
import { CronError, parseCron } from './parse-cron.ts';

/** A zod schema for one cron expression. */
export const CronText = z
  .string()
  .superRefine((expression, context) => {
    try {
      parseCron(expression);
    } catch (error) {
      if (!(error instanceof CronError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
    }
  })
  .meta({
    description:
      'Five fields, or six with seconds first, as in crontab(5), with L, W, # and ? as in Quartz; or a macro such as @daily.',
    example: '0 9 * * MON',
  });
