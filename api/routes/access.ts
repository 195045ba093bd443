import { z } from 'zod';
import { NamespaceName, Scope } from '../../domain/access.ts';
import { operation } from '../rest/operation.ts';

const Access = z
  .strictObject({
    caller: z
      .string()
      .meta({ description: 'As revisions of jobs name it.', example: 'key:default/billing-service' }),
    namespace: NamespaceName,
    scopes: z.array(Scope),
  })
  .meta({ id: 'Access' });

export const getAccess = operation({
  method: 'get',
  path: '/access',
  operationId: 'getAccess',
  summary: 'Tell whose credentials these are, and what they allow',
  description:
    'For trying a key out, and for gateways, which ask it before they let a request pass. Good credentials are not counted towards the limit of reads.',
  tag: 'Access',
  access: 'credentials',
  answers: {
    200: {
      description: 'The credentials are good.',
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
