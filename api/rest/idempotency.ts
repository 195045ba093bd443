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

/** A request that is not answered after this time was taken up by a process that has died. */
const LOCK_MS = 10 * SECOND_MS;

// Plain, or as a string of RFC 9651 as the draft has it; visible ASCII characters either way.
const KEY = /^(?:[!#-~]{1,255}|"(?:[!#-[\]-~]|\\["\\]){1,255}")$/;

/** The headers of an operation that makes something. */
export const IdempotencyHeaders = z.strictObject({
  'Idempotency-Key': z
    .string()
    .regex(KEY, {
      error: 'must have 1 to 255 visible ASCII characters, plain or in double quotes, such as a UUID',
    })
    .optional()
    .meta({
      description:
        'Makes it safe to send the request again (draft-ietf-httpapi-idempotency-key-header): for 24 hours, the same key with the same request gives the same answer, marked with `Idempotency-Replayed: true`. The same key with another request is refused (422); so is one whose first request is still under way (409). A request that was refused leaves no key behind.',
      example: '8e03978e-40d5-43dd-bc93-6894a57f9324',
    }),
});
type IdempotencyHeaders = z.infer<typeof IdempotencyHeaders>;

/** The errors that come with the header. */
export const IDEMPOTENCY_ERRORS = ['idempotency_in_flight', 'idempotency_mismatch'] as const;

/** For the document: the header that marks an answer as given again. */
export const REPLAYED_HEADER = { 'Idempotency-Replayed': '`true` if this answer was given before.' };

/** What a request does, in steps. */
interface Steps<Made> {
  /**
   * Stores what is asked for, under this id: at once, and in the transaction that it is given, if it is given one. What it
   * throws leaves no key behind.
   */
  make: (db: Database, id: string) => Promise<Made>;
  /** Does what is left to do, and answers. */
  answer: (made: Made) => Promise<Answer>;
  /** Answers from what the id stands for by now, for a request whose first process died before it answered. */
  answerLate: (id: string) => Promise<Answer>;
}

/**
 * Makes something once, however often and wherever the request arrives. The key is stored in the transaction that makes
 * the thing, so that there is one if and only if there is the other.
 * @throws SchedulerError `idempotency_in_flight`, `idempotency_mismatch`, and whatever the steps throw
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
  if (first) return keep(place, dependencies, await steps.answer(first.made));

  const known = await findKey(db, place);
  // It was a day old, and has been removed this moment.
  if (!known) return answerOnce(input, dependencies, steps);
  if (known.fingerprint !== fingerprint) {
    const message =
      'This Idempotency-Key was used for another request; use a new key for each thing that is to be made.';
    throw new SchedulerError('idempotency_mismatch', message);
  }
  if (known.answer) {
    return { ...known.answer, headers: { ...known.answer.headers, 'Idempotency-Replayed': 'true' } };
  }
  const at = now();
  if (!(await takeOverKey(db, place, at, new Date(at.getTime() + LOCK_MS)))) {
    const message = 'The first request with this Idempotency-Key is still under way; try again in a second.';
    throw new SchedulerError('idempotency_in_flight', message);
  }
  return keep(place, dependencies, await steps.answerLate(known.resource_id));
}

/** Keeps an answer. If that fails, the answer is given all the same: what it speaks of exists. */
async function keep(place: KeyPlace, { db, logger }: ApiDependencies, answer: Answer): Promise<Answer> {
  try {
    await keepAnswer(db, place, { headers: {}, body: null, ...answer });
  } catch (error) {
    logger.warn({ err: error }, 'could not keep the answer of an idempotency key');
  }
  return answer;
}

const unquote = (header: string) =>
  header.startsWith('"') ? header.slice(1, -1).replace(/\\(["\\])/g, '$1') : header;

/** Of the request as it was sent: defaults, which another version of the service may set otherwise, are not part of it. */
function fingerprintOf({ method, url, sent }: { method: string; url: URL; sent: unknown }): string {
  return createHash('sha256')
    .update(JSON.stringify([method, url.pathname, sent ?? null]))
    .digest('hex');
}
