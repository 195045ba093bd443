import { HOOKS, type HookName } from '../run/hook-trigger.ts';
import type { HttpTarget, StoredHttpTarget } from '../target/http-target.ts';
import type { JobInput, ShownDefinition, StoredDefinition } from './job.ts';

/** The location of a secret: its field name in the database, and its path in the input. */
export interface SecretPlace {
  field: string;
  path: string;
}

/** A definition without its secrets, and the secrets. */
export interface ExtractedSecrets {
  definition: StoredDefinition;
  /** New secrets, to be stored encrypted. */
  given: (SecretPlace & { text: string })[];
  /** The locations whose stored secrets are kept. */
  kept: SecretPlace[];
}

/** The call that a secret belongs to: that of the target or of a hook. */
export type SecretOwner = 'target' | HookName;

const fieldOf = (owner: SecretOwner, field: string) => (owner === 'target' ? field : `${owner}.${field}`);

/** The field name of a header's secret. Header names are case-insensitive. */
export const headerField = (owner: SecretOwner, name: string) =>
  fieldOf(owner, `headers.${name.toLowerCase()}`);

/** The field name of a signing secret. */
export const signingField = (owner: SecretOwner, name: 'secret' | 'previousSecret') =>
  fieldOf(owner, `signing.${name}`);

/** Separates a definition from its secrets. In a stored definition, all secrets are kept ones. Pure. */
export function extractSecrets(definition: JobInput | StoredDefinition | ShownDefinition): ExtractedSecrets {
  const given: ExtractedSecrets['given'] = [];
  const kept: SecretPlace[] = [];
  const take = (secret: string | true, place: SecretPlace): true => {
    if (secret === true) kept.push(place);
    else given.push({ ...place, text: secret });
    return true;
  };
  const { target, ...rest } = definition;
  const stored: StoredDefinition = {
    ...(rest as Omit<StoredDefinition, 'target'>),
    target: target.type === 'http' ? extractFrom(target, 'target', take) : target,
  };
  for (const name of HOOKS) {
    const hook = definition[name];
    // Object.assign, because the hooks have different types, but the same type of target.
    if (hook) Object.assign(stored, { [name]: { ...hook, target: extractFrom(hook.target, name, take) } });
  }
  return { definition: stored, given, kept };
}

function extractFrom(
  target: HttpTarget | StoredHttpTarget,
  owner: SecretOwner,
  take: (secret: string | true, place: SecretPlace) => true,
): StoredHttpTarget {
  const { signing, ...rest } = target;
  const path = owner === 'target' ? owner : `${owner}.target`;
  const stored: StoredHttpTarget = {
    ...rest,
    headers: Object.fromEntries(
      Object.entries(rest.headers).map(([name, value]): [string, string | { secret: true }] => {
        if (typeof value === 'string') return [name, value];
        const place = {
          field: headerField(owner, name),
          path: `${path}.headers[${JSON.stringify(name)}].secret`,
        };
        return [name, { secret: take(value.secret, place) }];
      }),
    ),
  };
  if (!signing) return stored;
  const takeSigning = (name: 'secret' | 'previousSecret', secret: string | true) =>
    take(secret, { field: signingField(owner, name), path: `${path}.signing.${name}` });
  stored.signing = {
    secret: takeSigning('secret', signing.secret),
    ...(signing.previousSecret === undefined
      ? {}
      : { previousSecret: takeSigning('previousSecret', signing.previousSecret) }),
  };
  return stored;
}
