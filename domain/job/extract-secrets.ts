import { HOOKS, type HookName } from '../run/hook-trigger.ts';
import type { HttpTarget, StoredHttpTarget } from '../target/http-target.ts';
import type { JobInput, StoredDefinition } from './job.ts';

/** Where a secret of a job belongs: the name of its field in the database, and its path in the input. */
export interface SecretPlace {
  field: string;
  path: string;
}

/** A definition as it is stored, and what was taken out of it. */
export interface ExtractedSecrets {
  definition: StoredDefinition;
  /** Secrets that were given, to be stored encrypted. */
  given: (SecretPlace & { text: string })[];
  /** Places of which the stored secret is to be kept. */
  kept: SecretPlace[];
}

/** Whose call a secret belongs to. */
export type SecretOwner = 'target' | HookName;

const fieldOf = (owner: SecretOwner, field: string) => (owner === 'target' ? field : `${owner}.${field}`);

/** The field of a header's secret; the names of headers do not distinguish upper and lower case. */
export const headerField = (owner: SecretOwner, name: string) =>
  fieldOf(owner, `headers.${name.toLowerCase()}`);

/** The field of a signing secret. */
export const signingField = (owner: SecretOwner, name: 'secret' | 'previousSecret') =>
  fieldOf(owner, `signing.${name}`);

/** Takes the secrets out of a definition; of one that is stored, all are to be kept. Pure. */
export function extractSecrets(definition: JobInput | StoredDefinition): ExtractedSecrets {
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
    target: target.type === 'http' ? takeFrom(target, 'target', take) : target,
  };
  for (const name of HOOKS) {
    const hook = definition[name];
    // The two hooks have types of their own, but their targets are alike.
    if (hook) Object.assign(stored, { [name]: { ...hook, target: takeFrom(hook.target, name, take) } });
  }
  return { definition: stored, given, kept };
}

function takeFrom(
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
