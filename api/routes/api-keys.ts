import { z } from 'zod';
import { findApiKey, listApiKeyRows, markApiKeyRevoked } from '../../db/access/api-keys.ts';
import { ApiKey, ApiKeyInput, NewApiKey } from '../../domain/api-key.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { issueApiKey } from '../access/issue-api-key.ts';
import { operation } from '../rest/operation.ts';
import { decodeCursor, pageOf, pageQuery, toPage } from '../rest/page.ts';
import { presentApiKey } from '../rest/present.ts';

const TAG = 'API keys';

const KeyIdParams = z.strictObject({
  id: z
    .uuid({ error: 'is not the id of a key; ids are UUIDs' })
    .meta({ example: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f' }),
});

const KeyPlace = z.strictObject({ id: z.uuid() });

const noSuchKey = (id: string) => new SchedulerError('not_found', `There is no API key with the id ${id}.`);

export const createApiKey = operation({
  method: 'post',
  path: '/api-keys',
  operationId: 'createApiKey',
  summary: 'Create an API key',
  description:
    'Only this response shows the key; the database holds a hash of it. The key belongs to the namespace of the request.',
  tag: TAG,
  access: 'admin',
  body: ApiKeyInput,
  bodyExamples: {
    service: {
      summary: 'For a service that creates jobs',
      value: { name: 'billing-service', scopes: ['jobs:read', 'jobs:write', 'runs:read'] },
    },
  },
  answers: {
    201: { description: 'The key.', schema: NewApiKey, headers: { Location: 'Path of the key.' } },
  },
  errors: ['name_taken', 'keys_off'],
  async handle({ body, source, namespace }, { db, apiKeyPepper: pepper, now }) {
    if (pepper === undefined) {
      const message = 'API keys are not enabled in this installation; set API_KEY_PEPPER to enable them.';
      throw new SchedulerError('keys_off', message);
    }
    const { row, key } = await issueApiKey(db, { namespace, source, pepper, now: now() }, body);
    return {
      status: 201,
      headers: { Location: `/api-keys/${row.id}` },
      body: { ...presentApiKey(row), key },
    };
  },
});

export const listApiKeys = operation({
  method: 'get',
  path: '/api-keys',
  operationId: 'listApiKeys',
  summary: 'List API keys, newest first',
  description: 'Includes revoked keys.',
  tag: TAG,
  access: 'admin',
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'One page of keys.',
      schema: pageOf(ApiKey, 'ApiKeyPage'),
      headers: { Link: 'The next page, if there is one.' },
    },
  },
  async handle({ query, namespace, url }, { db }) {
    const place = decodeCursor(KeyPlace, query.cursor);
    const rows = await listApiKeyRows(db, { namespace, afterId: place?.id, limit: query.limit + 1 });
    return { status: 200, ...toPage(rows, query.limit, url, presentApiKey, ({ id }) => ({ id })) };
  },
});

export const getApiKey = operation({
  method: 'get',
  path: '/api-keys/{id}',
  operationId: 'getApiKey',
  summary: 'Get an API key',
  tag: TAG,
  access: 'admin',
  params: KeyIdParams,
  answers: { 200: { description: 'The key, without its secret text.', schema: ApiKey } },
  errors: ['not_found'],
  async handle({ params, namespace }, { db }) {
    const row = await findApiKey(db, namespace, params.id);
    if (!row) throw noSuchKey(params.id);
    return { status: 200, body: presentApiKey(row) };
  },
});

export const revokeApiKey = operation({
  method: 'post',
  path: '/api-keys/{id}/revoke',
  operationId: 'revokeApiKey',
  summary: 'Revoke an API key',
  description:
    'Within five seconds all processes refuse the key, and end the streams that it has opened. The key stays in the list, and its name is free again. Revoking it again changes nothing.',
  tag: TAG,
  access: 'admin',
  params: KeyIdParams,
  answers: { 200: { description: 'The revoked key.', schema: ApiKey } },
  errors: ['not_found'],
  async handle({ params, source, namespace }, { db, now }) {
    const row = await markApiKeyRevoked(db, { id: params.id, namespace }, source, now());
    if (!row) throw noSuchKey(params.id);
    return { status: 200, body: presentApiKey(row) };
  },
});
