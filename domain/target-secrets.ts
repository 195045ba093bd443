import type { Target, TargetAnswer } from './target.ts';

/** Where a secret of a target belongs: the name of its field in the database, and its path in the input. */
export interface SecretPlace {
  field: string;
  path: string;
}

/** A target as it is stored, and what was taken out of it. */
export interface WithoutSecrets {
  target: TargetAnswer;
  /** Secrets that were given, to be stored encrypted. */
  given: (SecretPlace & { text: string })[];
  /** Places of which the stored secret is to be kept. */
  kept: SecretPlace[];
}

/** The field of a header's secret; the names of headers do not distinguish upper and lower case. */
export const headerField = (name: string) => `headers.${name.toLowerCase()}`;

/** The fields of the two signing secrets. */
export const SIGNING_FIELDS = { secret: 'signing.secret', previousSecret: 'signing.previousSecret' } as const;

/** Takes the secrets out of a target. Pure. */
export function takeSecrets(target: Target): WithoutSecrets {
  const given: WithoutSecrets['given'] = [];
  const kept: SecretPlace[] = [];
  const take = (secret: string | true, place: SecretPlace): true => {
    if (secret === true) kept.push(place);
    else given.push({ ...place, text: secret });
    return true;
  };
  const { signing, ...rest } = target;
  const stored: TargetAnswer = {
    ...rest,
    headers: Object.fromEntries(
      Object.entries(rest.headers).map(([name, value]): [string, string | { secret: true }] => {
        if (typeof value === 'string') return [name, value];
        const place = { field: headerField(name), path: `target.headers[${JSON.stringify(name)}].secret` };
        return [name, { secret: take(value.secret, place) }];
      }),
    ),
  };
  if (!signing) return { target: stored, given, kept };
  const takeSigning = (name: keyof typeof SIGNING_FIELDS, secret: string | true) =>
    take(secret, { field: SIGNING_FIELDS[name], path: `target.signing.${name}` });
  stored.signing = {
    secret: takeSigning('secret', signing.secret),
    ...(signing.previousSecret === undefined
      ? {}
      : { previousSecret: takeSigning('previousSecret', signing.previousSecret) }),
  };
  return { target: stored, given, kept };
}
