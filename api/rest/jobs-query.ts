import { z } from 'zod';
import { LabelsQuery } from './labels-query.ts';

/** Names are stored in the normal form NFC, so the text is searched in it. */
const TextInName = z.string().min(1).max(200).normalize('NFC');

/** The filters of every list that is about jobs. */
export const jobsQuery = {
  q: TextInName.optional().meta({
    description: 'Only jobs whose name contains this text. Ignores case; there are no wildcards.',
    example: 'report',
  }),
  label: LabelsQuery.optional().meta({
    description:
      'Only jobs with this label: `team=billing`, or `team` for any value. Repeat the parameter to require several labels.',
    example: ['team=billing'],
  }),
};
