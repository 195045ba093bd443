import { z } from 'zod';
import { NamespaceName, Scope } from '../../domain/access.ts';
import { operation } from '../rest/operation.ts';

const Access = z
  .strictObject({
    caller: z.string().meta({
      description: 'The name of the caller in revisions of jobs.',
      example: 'key:default/billing-service',
    }),
    namespace: NamespaceName,
    scopes: z.array(Scope),
  })
  .meta({ id: 'Access' });

export const getAccess = operation({
  method: 'get',
  path: '/access',
  operationId: 'getAccess',
  summary: 'Get the caller and scopes of the credentials',
  description:
    'For testing a key, and for gateways that authenticate requests before they forward them. Requests with valid credentials do not count towards the rate limit.',
  tag: 'Access',
  access: 'credentials',
  answers: {
    200: {
      description: 'The credentials are valid.',
      schema: Access,
      headers: { 'X-Scheduler-Caller': 'The caller, percent-encoded, for the access log of a gateway.' },
    },
  },
  async handle({ caller, namespace }) {
    const { name, scopes } = caller;
    return {
      status: 200,
      headers: { 'X-Scheduler-Caller': encodeURIComponent(name) },
      body: { caller: name, namespace, scopes: [...scopes] },
    };
  },
});
