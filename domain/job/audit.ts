import { z } from 'zod';
import { NamespaceName } from '../access.ts';
import { Instant } from '../instant.ts';
import { RevisionAction } from './revision.ts';
import type { Origin } from '../run/origin.ts';

/** What proves who a caller is. `command` is `npm run keys`, which works on the database itself. */
export const Credential = z.enum(['apiKey', 'token', 'none', 'command']).meta({ id: 'Credential' });
export type Credential = z.infer<typeof Credential>;

/**
 * Who made a request, with what, and from where: stored with what the request changes, from where the database copies
 * it into the audit log.
 */
export interface Source extends Partial<Origin> {
  by: string;
  credential: Credential;
  apiKeyId?: string;
  address?: string;
}

export const AuditResource = z
  .enum(['job', 'run', 'backfill', 'calendar', 'apiKey'])
  .meta({ id: 'AuditResource' });
export type AuditResource = z.infer<typeof AuditResource>;

/** What was done: to a job, as its revisions say, or what else there is. */
export const AuditAction = z
  .enum([...RevisionAction.options, 'withdrawn', 'requested', 'retried', 'cancelled', 'revoked'])
  .meta({
    id: 'AuditAction',
    description:
      'Of a job: the actions of its revisions, and `withdrawn` for a new one that Temporal refused. Of a run: `requested`, `retried` or `cancelled`. Of a backfill: `requested`. Of an API key: `created` or `revoked`.',
  });
export type AuditAction = z.infer<typeof AuditAction>;

/** The name of a caller or of a rule, as in revisions. */
const Author = z.string().meta({
  description:
    'Who did it: a key, the subject of a token, a rule of the job, the reconciler; or `database:<role>` if a statement did not say.',
  example: 'key:default/billing-service',
});

/** One entry of the audit log: who did what, when and from where. */
export const AuditEntry = z
  .strictObject({
    id: z.string(),
    at: Instant.meta({ description: 'By the clock of the database.' }),
    namespace: NamespaceName,
    by: Author,
    action: AuditAction,
    resource: z.strictObject({ kind: AuditResource, id: z.uuid() }),
    jobId: z
      .uuid()
      .nullable()
      .meta({ description: 'The job, also if the resource is a run or a backfill of it.' }),
    generation: z.int().nullable().meta({
      description:
        'The generation of the job after the change; `GET /jobs/{id}/revisions` holds the values before and after.',
    }),
    fields: z.array(z.string()).meta({ description: 'The fields of the job that the change concerned.' }),
    details: z.record(z.string(), z.unknown()).meta({
      description:
        'Of a key: `name`, `hint`, `scopes`. Of a backfill: `from`, `to`, `overlap`, `onlyMissing`. Of a repeated run: `retryOf`.',
    }),
    credential: Credential.nullable().meta({
      description: 'With which kind of credentials; null for the service itself.',
    }),
    apiKeyId: z.uuid().nullable(),
    address: z.string().nullable().meta({ description: 'The address of the client, as rate limits see it.' }),
    requestId: z.string().nullable().meta({ description: 'The `X-Request-Id` of the request.' }),
    traceparent: z.string().nullable(),
  })
  .meta({
    id: 'AuditEntry',
    example: {
      id: '4711',
      at: '2026-11-22T17:00:00.123Z',
      namespace: 'default',
      by: 'key:default/billing-service',
      action: 'changed',
      resource: { kind: 'job', id: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f' },
      jobId: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
      generation: 2,
      fields: ['labels'],
      details: {},
      credential: 'apiKey',
      apiKeyId: '019ab1bf-0a5c-7d3e-8f6b-3f0f5a1d2c4b',
      address: '203.0.113.7',
      requestId: '2f5a9a52-1d7e-4f0b-9a3e-5f1c1b0e6f0e',
      traceparent: null,
    },
  });
export type AuditEntry = z.infer<typeof AuditEntry>;
