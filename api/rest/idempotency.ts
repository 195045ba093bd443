import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { Database } from '../../db/database.ts';
import {
  claimKey,
  findKey,
  keepAnswer,
  takeOverKey,
  type KeyPlace,
} from '../../db/access/idempotency-keys.ts';
import { SchedulerError } from '../../domain/errors.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import type { Answer, ApiDependencies, Input } from './operation.ts';

/** The process of a request that is not answered after this time is taken for dead. */
const LOCK_MS = 10 * SECOND_MS;

// Visible ASCII characters: plain, or as a string of RFC 9651, which the draft asks for.
const KEY = /^(?:[!#-~]{1,255}|"(?:[!#-[\]-~]|\\["\\]){1,255}")$/;

/** The headers of an operation that creates something. */
export const IdempotencyHeaders = z.strictObject({
  'Idempotency-Key': z
    .string()
    .regex(KEY, {
      error: 'must have 1 to 255 visible ASCII characters, plain or in double quotes, such as a UUID',
    })
    .optional()
    .meta({
      description:
        'Makes the request safe to repeat (draft-ietf-httpapi-idempotency-key-header). For 24 hours, the same key with the same request gets the same response, marked with `Idempotency-Replayed: true`. The same key with another request is refused (422), and so is a key whose first request is still in flight (409). A refused request does not use up its key.',
      example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
    }),
});
type IdempotencyHeaders = z.infer<typeof IdempotencyHeaders>;

/** The errors of operations that take the header. */
export const IDEMPOTENCY_ERRORS = ['idempotency_in_flight', 'idempotency_mismatch'] as const;

/** The response header of repeated requests, for the OpenAPI document. */
export const REPLAYED_HEADER = { 'Idempotency-Replayed': '`true` if this response was sent before.' };

/** The steps of a request that creates something. */
interface Steps<Made> {
  /** Stores the new resource under this id. `db` may be a transaction; an error rolls back the idempotency key too. */
  make: (db: Database, id: string) => Promise<Made>;
  /** Does what is left after the commit, and answers. */
  answer: (made: Made) => Promise<Answer>;
  /** Answers in place of a process that died after the commit, from the present state of the resource. */
  answerLate: (id: string) => Promise<Answer>;
}

/**
 * Creates a resource once, no matter how often and to which process the request is sent. The idempotency key is stored in the
 * same transaction as the resource, so that neither exists without the other.
 * @throws SchedulerError `idempotency_in_flight`, `idempotency_mismatch`, and what the steps throw
 */
export async function answerOnce<Made>(
  input: Pick<
    Input<unknown, unknown, unknown, IdempotencyHeaders>,
    'headers' | 'method' | 'url' | 'sent' | 'namespace'
  >,
  dependencies: ApiDependencies,
  steps: Steps<Made>,
): Promise<Answer> {
  const { db, now } = dependencies;
  const id = uuidv7();
  const header = input.headers['Idempotency-Key'];
  if (header === undefined) return steps.answer(await steps.make(db, id));
  const place = { namespace: input.namespace, key: unquote(header) };
  const fingerprint = fingerprintOf(input);
  const first = await db.transaction().execute(async (transaction) => {
    const at = now();
    const lockedUntil = new Date(at.getTime() + LOCK_MS);
    const isFirst = await claimKey(transaction, place, { fingerprint, resourceId: id, now: at, lockedUntil });
    return isFirst ? { made: await steps.make(transaction, id) } : undefined;
  });
  if (first) return storeAnswer(place, dependencies, await steps.answer(first.made));

  const known = await findKey(db, place);
  // The key was a day old, and has just been deleted.
  if (!known) return answerOnce(input, dependencies, steps);
  if (known.fingerprint !== fingerprint) {
    const message = 'This Idempotency-Key was used for another request; use a new key for each request.';
    throw new SchedulerError('idempotency_mismatch', message);
  }
  if (known.answer) {
    return { ...known.answer, headers: { ...known.answer.headers, 'Idempotency-Replayed': 'true' } };
  }
  const at = now();
  if (!(await takeOverKey(db, place, at, new Date(at.getTime() + LOCK_MS)))) {
    const message = 'The first request with this Idempotency-Key is still in flight; try again in a second.';
    throw new SchedulerError('idempotency_in_flight', message);
  }
  return storeAnswer(place, dependencies, await steps.answerLate(known.resource_id));
}

/** Stores an answer, for repeated requests. A failure is only logged, because the resource exists. */
async function storeAnswer(
  place: KeyPlace,
  { db, logger }: ApiDependencies,
  answer: Answer,
): Promise<Answer> {
  try {
    await keepAnswer(db, place, { headers: {}, body: null, ...answer });
  } catch (error) {
    logger.warn({ err: error }, 'could not store the answer of an idempotency key');
  }
  return answer;
}

const unquote = (header: string) =>
  header.startsWith('"') ? header.slice(1, -1).replace(/\\(["\\])/g, '$1') : header;

/** Hashes the request as it was sent, without the defaults, which may differ between versions of the service. */
function fingerprintOf({ method, url, sent }: { method: string; url: URL; sent: unknown }): string {
  return createHash('sha256')
    .update(JSON.stringify([method, url.pathname, sent ?? null]))
    .digest('hex');
}
