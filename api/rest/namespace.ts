import { z } from 'zod';
import { allows, NamespaceName } from '../../domain/access.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Session } from '../access/session.ts';
import type { Operation } from './operation.ts';

const NAMESPACE_QUERY = {
  namespace: NamespaceName.optional().meta({
    description: 'A namespace other than that of the credentials. Only admins may set it.',
    example: 'default',
  }),
};

/** The query of an operation: its own parameters and, unless it is public, `namespace`. */
export function queryOf({ query, access }: Operation): z.ZodObject | undefined {
  if (access === 'public') return query;
  return (query ?? z.strictObject({})).safeExtend(NAMESPACE_QUERY);
}

/**
 * The namespace of a request: the requested one, or else that of the caller.
 * @throws SchedulerError `forbidden` if only an admin may use the requested one
 */
export function namespaceFor(caller: Session, requested: string | undefined): string {
  if (requested === undefined || requested === caller.namespace || allows(caller, 'admin'))
    return requested ?? caller.namespace;
  const message = `The caller belongs to the namespace ${caller.namespace}; only an admin may name another one.`;
  throw new SchedulerError('forbidden', message);
}
