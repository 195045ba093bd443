import { z } from 'zod';
import { HiddenSecret, secretOf } from './secret.ts';

const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** The key bytes of a signing secret (`whsec_…`). Pure. */
export const decodeSigningSecret = (secret: string) => Buffer.from(secret.slice(PREFIX.length), 'base64');

/** A symmetric secret of Standard Webhooks 1.0. */
const SigningSecret = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, {
    error: `must be "${PREFIX}" and the base64 of ${MIN_BYTES} to ${MAX_BYTES} random bytes`,
    abort: true,
  })
  .refine(
    (text) => {
      const { length } = decodeSigningSecret(text);
      return length >= MIN_BYTES && length <= MAX_BYTES && text.length % 4 === PREFIX.length % 4;
    },
    { error: `must hold the base64 of ${MIN_BYTES} to ${MAX_BYTES} random bytes, padded with "="` },
  );

const signingWith = <Secret extends z.ZodType>(secret: Secret) =>
  z.strictObject({
    secret,
    previousSecret: secret.optional(),
  });

/** The secrets that sign the calls of a job, in requests. */
export const Signing = signingWith(secretOf(SigningSecret)).meta({
  description:
    'Each call is signed as specified by Standard Webhooks 1.0 (HMAC-SHA256). While the receiver rotates its secret, `previousSecret` signs as well.',
  example: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' },
});

/** The same as stored and in responses. */
export const StoredSigning = signingWith(HiddenSecret).meta({ example: { secret: true } });
