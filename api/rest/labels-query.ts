import { z } from 'zod';
import type { WantedLabel } from '../../db/jobs/job-lists.ts';
import { LabelKey, LabelValue, MAX_LABELS } from '../../domain/job/job.ts';
import { explain } from './validation.ts';

/** A label filter: `team=billing`, or `team` for any value. Keys contain no equals sign. */
const LabelQuery = z
  .string()
  .meta({ pattern: '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}(?:=|$)' })
  .transform((text, context): WantedLabel => {
    const [, given = '', wanted] = /^([^=]*)(?:=(.*))?$/s.exec(text) ?? [];
    const key = LabelKey.safeParse(given);
    const value = LabelValue.optional().safeParse(wanted, { error: explain });
    if (key.success && value.success) return { key: key.data, value: value.data };
    const [part, fault] = key.success ? ['value', value.error] : ['key', key.error];
    const message = `${JSON.stringify(text.slice(0, 64))} is no label (its ${part}: ${fault?.issues[0]?.message}); write key=value, or only the key`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The label filters of a request, each in a `label` parameter of its own. */
export const LabelsQuery = z.preprocess(
  (labels) => (typeof labels === 'string' ? [labels] : labels),
  z.array(LabelQuery).max(MAX_LABELS),
);
