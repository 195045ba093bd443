import { z } from 'zod';

/** What a caller may do. `admin` may do everything, and in every namespace. */
export const Scope = z
  .enum(['jobs:read', 'jobs:write', 'runs:read', 'runs:write', 'audit:read', 'admin'])
  .meta({
    id: 'Scope',
    description:
      'What a caller may do: read jobs and their schedules; create, change and delete them; read runs; start, cancel and repeat them; read the audit log. `admin` may do all of it, in every namespace, and manages keys.',
  });
export type Scope = z.infer<typeof Scope>;

/** The namespace of keys and tokens that name no other. */
export const DEFAULT_NAMESPACE = 'default';

/** The name of a namespace. Namespaces are not declared: one exists as soon as something is in it. */
export const NamespaceName = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
    error:
      'a namespace has 1 to 63 lower-case letters, digits and hyphens, and does not begin or end with a hyphen',
  })
  .meta({ description: 'Whose jobs and runs these are.', example: DEFAULT_NAMESPACE });

/** The authenticated sender of a request. */
export interface Caller {
  /** As it stands in a job's revisions. */
  name: string;
  namespace: string;
  scopes: readonly Scope[];
}

/** Whether a caller has a scope. `admin` includes every other. Pure. */
export const allows = ({ scopes }: Pick<Caller, 'scopes'>, scope: Scope): boolean =>
  scopes.includes(scope) || scopes.includes('admin');
