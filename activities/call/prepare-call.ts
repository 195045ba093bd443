import { createHmac, randomBytes } from 'node:crypto';
import type { BegunRun } from '../../db/runs/begin-run.ts';
import type { StoredHttpTarget } from '../../domain/target/http-target.ts';
import { fillIn, fillInText, type AnyPlaceholderValues } from '../../domain/target/placeholder.ts';
import { traceIdOf } from '../../domain/run/origin.ts';
import { decodeSigningSecret } from '../../domain/target/signing.ts';
import { isReservedHeader } from '../../domain/target/target-headers.ts';
import { headerField, signingField, type SecretOwner } from '../../domain/job/extract-secrets.ts';
import type { SecretBox } from '../../platform/secret-box.ts';

/** A call that is ready to be made. */
export interface PreparedCall {
  url: URL;
  method: string;
  /** Those that only the target itself is to see: the author's, and the signature. */
  privateHeaders: Record<string, string>;
  headers: Record<string, string>;
  body: string | Buffer | null;
  /** The secrets that are in it, so that they can be redacted of what comes back. */
  secrets: string[];
}

/** Headers that say what the body is: they go wherever that goes, and nowhere else (Fetch standard, "request-body-header"). */
export const BODY_HEADERS = ['content-type', 'content-encoding', 'content-language', 'content-location'];

/**
 * Makes the call of one attempt out of a target: fills in the placeholders, opens the secrets, signs.
 * @throws Error for a secret that can not be decrypted
 */
export function prepareCall(
  {
    target,
    owner,
    secrets: sealed,
  }: { target: StoredHttpTarget; owner: SecretOwner } & Pick<BegunRun, 'secrets'>,
  values: AnyPlaceholderValues,
  box: SecretBox,
  now: Date,
): PreparedCall {
  const open = (field: string) => {
    const secret = sealed?.[field];
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

/** What each call says of the run that it is of. */
function runHeaders({ jobId, runId, scheduledAt, attempt }: AnyPlaceholderValues, now: Date) {
  return {
    'idempotency-key': runId,
    'webhook-id': runId,
    'webhook-timestamp': String(secondsOf(now)),
    'x-scheduler-job': jobId,
    'x-scheduler-run': runId,
    'x-scheduler-scheduled-at': scheduledAt,
    'x-scheduler-attempt': attempt,
    // W3C Trace Context: a trace for the run, in it a span for each attempt. See trace-run.ts for when there are real ones.
    traceparent: `00-${traceIdOf(runId)}-${randomBytes(8).toString('hex')}-01`,
  };
}

/** What a call brings, and its Content-Type, if its author says nothing else. */
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

/** Standard Webhooks 1.0: one signature for each secret, of the bytes that are sent. Its library takes texts only. */
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
