import { z } from 'zod';
import { allows, NamespaceName } from '../../domain/access.ts';
import { SchedulerError } from '../../domain/errors.ts';
import type { Session } from '../access/session.ts';
import type { Operation } from './operation.ts';

const NAMESPACE_QUERY = {
  namespace: NamespaceName.optional().meta({
    description: 'Another namespace than that of the credentials; for admins alone.',
    example: 'default',
  }),
};

/** The query of an operation as callers may send it: its own, and `namespace`. A public one belongs to no namespace. */
export function queryOf({ query, access }: Operation): z.ZodObject | undefined {
  if (access === 'public') return query;
  return (query ?? z.strictObject({})).safeExtend(NAMESPACE_QUERY);
}

/**
 * The namespace that a request means.
 * @throws SchedulerError `forbidden` when that is another one than the caller may enter
 */
export function namespaceFor(caller: Session, asked: string | undefined): string {
  if (asked === undefined || asked === caller.namespace || allows(caller, 'admin'))
    return asked ?? caller.namespace;
  const message = `The caller belongs to the namespace ${caller.namespace}; only an admin may name another one.`;
  throw new SchedulerError('forbidden', message);
}
