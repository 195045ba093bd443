import { z } from 'zod';
import { NamespaceName, Scope } from './access.ts';
import { Instant } from './instant.ts';
import { nameText } from './text.ts';

const shape = {
  name: nameText(100).min(1).meta({
    description: 'Whose key it is. Unique among the keys of the namespace that are not revoked.',
    example: 'billing-service',
  }),
  scopes: z
    .array(Scope)
    .min(1)
    .max(Scope.options.length)
    .meta({ example: ['jobs:read', 'jobs:write'] }),
};

/** The body of a request that creates a key. */
export const ApiKeyInput = z
  .strictObject({
    ...shape,
    expiresAt: Instant.optional().meta({
      description: 'The key is refused from this instant on. Without it, the key does not expire.',
      example: '2099-01-01T00:00:00Z',
    }),
  })
  .meta({ id: 'ApiKeyInput', example: { name: 'billing-service', scopes: ['jobs:read', 'jobs:write'] } });
export type ApiKeyInput = z.infer<typeof ApiKeyInput>;

const response = {
  id: z.uuid(),
  namespace: NamespaceName,
  ...shape,
  hint: z.string().meta({ description: 'The first characters of the key, to tell it from others.' }),
  createdAt: Instant,
  createdBy: z.string(),
  expiresAt: Instant.nullable(),
  lastUsedAt: Instant.nullable().meta({ description: 'To the minute; null if it was never used.' }),
  revokedAt: Instant.nullable(),
  revokedBy: z.string().nullable(),
};

const example = {
  id: '019ab1c0-7e11-7cc3-98c4-dc0c0c07398f',
  namespace: 'default',
  name: 'billing-service',
  scopes: ['jobs:read', 'jobs:write'],
  hint: 'sched_live_Zk3p',
  createdAt: '2026-11-22T17:00:00.123Z',
  createdBy: 'operator',
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
  revokedBy: null,
};

/** A key in responses, without the key itself, which is shown only once. */
export const ApiKey = z.strictObject(response).meta({ id: 'ApiKey', example });
export type ApiKey = z.infer<typeof ApiKey>;

/** The response to the creation of a key: the only one that holds the key itself. */
export const NewApiKey = z
  .strictObject({
    ...response,
    key: z.string().meta({
      description: 'The key, shown only this once. Send it as `Authorization: Bearer <key>`.',
    }),
  })
  .meta({
    id: 'NewApiKey',
    example: { ...example, key: 'sched_live_Zk3pY0bqT8mVw2LxRc7NhS4dJf9aG1eUoQ5i' },
  });
