import { createHmac, randomBytes } from 'node:crypto';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import { toInstant } from '../../domain/instant.ts';
import type { HOOK_PLACEHOLDERS, LATE_PLACEHOLDERS } from '../../domain/job/hook.ts';
import { lacksBody, type StoredHttpTarget } from '../../domain/target/http-target.ts';
import {
  fillIn,
  fillInText,
  type AnyPlaceholderValues,
  type PlaceholderValues,
} from '../../domain/target/placeholder.ts';
import { traceIdOf } from '../../domain/run/origin.ts';
import { isHook, type HookName } from '../../domain/run/hook-trigger.ts';
import type { RunJobTask } from '../../domain/run/workflow-contract.ts';
import { decodeSigningSecret } from '../../domain/target/signing.ts';
import { isReservedHeader } from '../../domain/target/target-headers.ts';
import { headerField, signingField } from '../../domain/job/extract-secrets.ts';
import type { SecretBox } from '../../platform/secret-box.ts';

/** A call with everything filled in. */
export interface PreparedCall {
  url: URL;
  method: string;
  /** The author's headers and the signature: a redirect to another origin does not get them. */
  privateHeaders: Record<string, string>;
  headers: Record<string, string>;
  body: string | Buffer | null;
  /** The secrets in the call, to be redacted from the response. */
  secrets: string[];
}

/**
 * Headers that describe the body: a redirect that drops the body drops them (Fetch standard,
 * "request-body-header name").
 */
export const BODY_HEADERS = ['content-type', 'content-encoding', 'content-language', 'content-location'];

/** The values of the placeholders of an attempt. An attempt without a token has one that every target refuses. Pure. */
export const placeholdersOf = (
  task: RunJobTask,
  runId: string,
  { number, token = 0 }: { number: number; token: number | undefined },
): PlaceholderValues => ({
  scheduledAt: toInstant(Date.parse(task.scheduledAt)),
  jobId: task.jobId,
  runId,
  attempt: String(number),
  fencingToken: String(token),
});

/**
 * Prepares the call of one attempt of a run: fills in the placeholders, decrypts the secrets, signs. Delivery is
 * at-least-once, so all calls of a run carry the same idempotency key.
 * @throws Error for a secret that cannot be decrypted
 */
export function prepareCall(
  run: Pick<BegunRun, 'trigger' | 'job' | 'cause' | 'secrets'>,
  storedTarget: StoredHttpTarget,
  runValues: PlaceholderValues,
  box: SecretBox,
  now: Date,
): PreparedCall {
  const owner = isHook(run.trigger) ? run.trigger : 'target';
  const { target, values } = withHookBody(run, storedTarget, runValues);
  const open = (field: string) => {
    const secret = run.secrets?.[field];
    if (!secret) throw new Error(`the secret ${field} is not there any more`);
    return box.open({ jobId: values.jobId, field }, secret);
  };
  const secrets: string[] = [];
  const authored: Record<string, string> = {};
  for (const [name, value] of Object.entries(target.headers)) {
    if (isReservedHeader(name)) continue;
    const text = typeof value === 'string' ? fillInText(value, values) : open(headerField(owner, name));
    if (typeof value !== 'string') secrets.push(text);
    authored[name.toLowerCase()] = text;
  }

  const { body, ...content } = contentOf(target, values);
  const { signing } = target;
  const signingSecrets = signing
    ? (['secret', 'previousSecret'] as const)
        .filter((name) => signing[name])
        .map((name) => open(signingField(owner, name)))
    : [];
  const [ofBody, privateHeaders] = [true, false].map((isOfBody) =>
    Object.fromEntries(Object.entries(authored).filter(([name]) => BODY_HEADERS.includes(name) === isOfBody)),
  );
  return {
    url: new URL(fillInText(target.url, values, encodeURIComponent)),
    method: target.method,
    privateHeaders: { ...privateHeaders, ...sign(signingSecrets, values.runId, now, body ?? '') },
    headers: {
      'user-agent': 'durable-job-scheduler',
      ...content.headers,
      ...ofBody,
      ...runHeaders(values, now),
    },
    body,
    secrets: [...secrets, ...signingSecrets],
  };
}

const EVENTS: Record<HookName, string> = {
  onFailure: 'job.failing',
  onRecovery: 'job.recovered',
  onLate: 'job.late',
  onTime: 'job.onTime',
};

/**
 * Adds to the call of a hook the values of its own placeholders, and a body about the job and the run
 * that caused the call, unless its author wrote one. Leaves the target of a job as it is. Pure.
 */
function withHookBody(
  { trigger, job, cause }: Pick<BegunRun, 'trigger' | 'job' | 'cause'>,
  target: StoredHttpTarget,
  values: PlaceholderValues,
): { target: StoredHttpTarget; values: AnyPlaceholderValues } {
  if (cause === null || !isHook(trigger)) return { target, values: { ...values } };
  const { id, name, namespace, labels } = job;
  const event = EVENTS[trigger];
  const filled = (body: object, ofHook: Record<string, string>) => ({
    target: lacksBody(target) ? { ...target, body } : target,
    values: { ...values, ...ofHook },
  });
  if ('condition' in cause) {
    const { condition, since, scheduledAt } = cause;
    const ofLate: Record<(typeof LATE_PLACEHOLDERS)[number], string> = {
      jobName: name,
      lateCondition: condition,
      lateSince: since,
      lateScheduledAt: scheduledAt ?? '',
    };
    return filled(
      { event, job: { id, name, namespace, labels }, late: { condition, since, scheduledAt } },
      ofLate,
    );
  }
  const { runId, state, reason, scheduledAt, consecutiveFailures } = cause;
  const ofHook: Record<(typeof HOOK_PLACEHOLDERS)[number], string> = {
    jobName: name,
    causeRunId: runId,
    causeState: state,
    reason: reason ?? '',
    consecutiveFailures: String(consecutiveFailures),
  };
  const body = {
    event,
    job: { id, name, namespace, labels },
    run: { id: runId, scheduledAt, state, reason },
    consecutiveFailures,
  };
  return filled(body, ofHook);
}

/** The headers that tell every target which run calls it. */
function runHeaders({ jobId, runId, scheduledAt, attempt, fencingToken }: AnyPlaceholderValues, now: Date) {
  return {
    'idempotency-key': runId,
    'webhook-id': runId,
    'webhook-timestamp': String(secondsOf(now)),
    'x-scheduler-job': jobId,
    'x-scheduler-run': runId,
    'x-scheduler-scheduled-at': scheduledAt,
    'x-scheduler-attempt': attempt,
    'x-scheduler-fencing-token': fencingToken,
    // W3C Trace Context: a trace for the run, with a span for each attempt. With tracing, trace.ts
    // replaces it.
    traceparent: `00-${traceIdOf(runId)}-${randomBytes(8).toString('hex')}-01`,
  };
}

/** The body of a call, and its default Content-Type. */
function contentOf(
  { body, bodyBase64 }: StoredHttpTarget,
  values: AnyPlaceholderValues,
): Pick<PreparedCall, 'body' | 'headers'> {
  if (bodyBase64 !== undefined)
    return { body: Buffer.from(bodyBase64, 'base64'), headers: ofType('application/octet-stream') };
  if (body === undefined) return { body: null, headers: {} };
  if (typeof body === 'string')
    return { body: fillInText(body, values), headers: ofType('text/plain; charset=utf-8') };
  return { body: JSON.stringify(fillIn(body, values)), headers: ofType('application/json') };
}

const ofType = (type: string) => ({ 'content-type': type });

const secondsOf = (time: Date) => Math.floor(time.getTime() / 1_000);

/**
 * Signs as Standard Webhooks 1.0 does: one signature for each secret, over the bytes that are sent. Its
 * library signs texts only.
 */
function sign(secrets: string[], id: string, now: Date, body: string | Buffer): Record<string, string> {
  if (secrets.length === 0) return {};
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', decodeSigningSecret(secret))
      .update(`${id}.${secondsOf(now)}.`)
      .update(body);
    return `v1,${hmac.digest('base64')}`;
  });
  return { 'webhook-signature': signatures.join(' ') };
}
