import { z } from 'zod';
import { queryAuditRows } from '../../db/access/audit-log.ts';
import type { AuditRow } from '../../db/schema.ts';
import { AuditAction, AuditEntry, AuditResource } from '../../domain/job/audit.ts';
import { Instant, toInstant } from '../../domain/instant.ts';
import { operation } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';

const Time = Instant.transform((text) => new Date(text));
const AuditPlace = z.strictObject({ at: Time, id: z.string().regex(/^\d{1,18}$/) });

const presentEntry = (row: AuditRow): AuditEntry => ({
  id: row.id,
  at: toInstant(row.at.getTime()),
  namespace: row.namespace,
  by: row.by,
  action: row.action,
  resource: { kind: row.resource, id: row.resource_id },
  jobId: row.job_id,
  generation: row.generation,
  fields: row.fields,
  details: row.details,
  credential: row.source.credential ?? null,
  apiKeyId: row.source.apiKeyId ?? null,
  address: row.source.address ?? null,
  requestId: row.source.requestId ?? null,
  traceparent: row.source.traceparent ?? null,
});

export const listAuditEntries = operation({
  method: 'get',
  path: '/audit',
  operationId: 'listAuditEntries',
  summary: 'List who changed what, newest first',
  description:
    'Every change of a job, a requested, repeated or cancelled run, a backfill, and every new or revoked API key has its entry, written in the transaction of the change. So do changes that the service makes by itself, such as a pause after failures. Entries about jobs are kept as long as their revisions, those about keys as long as the keys, and those about runs and backfills as long as ended runs.',
  tag: 'Access',
  access: 'audit:read',
  query: z.strictObject({
    ...pageQuery,
    by: z.string().min(1).max(400).optional().meta({
      description: 'Only what this caller or rule did.',
      example: 'key:default/billing-service',
    }),
    action: AuditAction.optional().meta({ description: 'Only entries with this action.' }),
    resource: AuditResource.optional().meta({ description: 'Only entries about this kind of resource.' }),
    jobId: z.uuid({ error: 'is not the id of a job; ids are UUIDs' }).optional().meta({
      description: 'Only entries about this job, its runs and its backfills; also if it is deleted.',
    }),
    since: Instant.optional().meta({
      description: 'Only entries of this instant or later.',
      example: '2026-11-01T00:00:00Z',
    }),
    until: Instant.optional().meta({
      description: 'Only entries before this instant.',
      example: '2099-01-01T00:00:00Z',
    }),
  }),
  answers: {
    200: {
      description: 'One page of entries.',
      schema: pageOf(AuditEntry, 'AuditPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  async handle({ query, namespace, url }, { db }) {
    const { limit, cursor, by, action, resource, jobId } = query;
    const [since, until] = [query.since, query.until].map((text) =>
      text === undefined ? undefined : new Date(text),
    );
    const rows = await queryAuditRows(
      db,
      { namespace, by, action, resource, jobId, since, until },
      { after: decodeCursor(AuditPlace, cursor), limit: limit + 1 },
    ).execute();
    return { status: 200, ...toPage(rows, limit, url, presentEntry, ({ at, id }) => ({ at, id })) };
  },
});
