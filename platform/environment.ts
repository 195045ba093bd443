import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { findUrlFault } from '../domain/target/target-url.ts';
import { parseAddressRules } from './address-rules.ts';
import { parseCertificates } from './certificates.ts';
import { parseUrl } from '../domain/parse-url.ts';
import { DEFAULT_PORT } from './config-contradictions.ts';
import { parseProxy, parseProxyExceptions } from './outbound-proxy.ts';
import { parseSecretKeys } from './secret-box.ts';

const anyPort = z.coerce.number().int().min(0).max(65_535);
const port = (fallback: number) => anyPort.default(fallback);

/** A list that `parse` reads; each of its faults becomes an issue. */
const parsedBy = <Parsed extends { faults: string[] }, Result>(
  parse: (text: string) => Parsed,
  resultOf: (parsed: Parsed) => Result,
) =>
  z
    .string()
    .default('')
    .transform((text, context): Result => {
      const parsed = parse(text);
      for (const message of parsed.faults) context.addIssue({ code: 'custom', message });
      return resultOf(parsed);
    });

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');

const httpUrl = z.string().superRefine((text, context) => {
  const message = findUrlFault(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const databaseUrl = z.url({
  protocol: /^postgres(ql)?$/,
  error: 'must be such as postgres://user:password@host:5432/database',
});

const path = z.string().refine(existsSync, { error: (issue) => `no such file: ${String(issue.input)}` });
const fileContent = path.transform((file, context) => {
  try {
    return readFileSync(file);
  } catch (error) {
    // For example a folder, or a file without read permission.
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message: `cannot be read: ${message}` });
    return z.NEVER;
  }
});

/** Certificates of authorities. Without this check, a wrong file would only show in failing connections. */
const authorities = fileContent.superRefine((content, context) => {
  const { fault } = parseCertificates(content);
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
});

const proxy = (name: string) =>
  z.string().transform((text, context) => {
    const parsed = parseProxy(text, name);
    if (!('fault' in parsed)) return parsed;
    context.addIssue({ code: 'custom', message: parsed.fault });
    return z.NEVER;
  });

const isOrigin = (text: string) => parseUrl(text)?.origin === text;

/** A comma-separated list. */
const list = <Entry extends z.ZodType<string, string>>(entry: Entry) =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(entry));

/** The algorithms with key pairs. */
const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

/** Every environment variable that the service reads. `npm run docs` generates docs/configuration.md from it. */
export const Environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address on which API and worker listen.'),
  PORT: port(DEFAULT_PORT).describe('Port of the API.'),
  WORKER_PORT: port(8001).describe('Port on which a worker answers `/livez`, `/readyz` and `/metrics`.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe(
      '`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`. Logs are JSON, readable on a terminal.',
    ),

  AUTH: z
    .literal('off', { error: 'can only be off; keys and tokens are switched on by API_KEY_PEPPER and JWT_…' })
    .optional()
    .describe('`off`: everybody may do everything, even on a public address.'),
  API_KEY_PEPPER: z
    .string()
    .min(32, { error: 'must have 32 characters or more (openssl rand -base64 32)' })
    .optional()
    .describe('Enables [API keys](access.md). A secret of 32 characters or more.'),
  JWT_JWKS_URL: httpUrl
    .optional()
    .describe('Enables [tokens](access.md#tokens). The URL at which their issuer publishes its keys.'),
  JWT_PUBLIC_KEY_FILE: fileContent.optional().describe('One public key in PEM, instead of `JWT_JWKS_URL`.'),
  JWT_ISSUER: z.string().min(1).optional().describe('Issuer of the tokens. Required with tokens.'),
  JWT_AUDIENCE: z.string().min(1).optional().describe('Audience of the tokens. Required with tokens.'),
  JWT_ALGORITHMS: list(z.enum(JWT_ALGORITHMS))
    .default(['RS256', 'PS256', 'ES256', 'EdDSA'])
    .describe('Accepted algorithms; only those with key pairs.'),
  JWT_CLOCK_SKEW_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .max(300)
    .default(30)
    .describe('Tolerated difference between the clocks of the issuer and the API.'),
  JWT_SCOPES_CLAIM: z
    .string()
    .min(1)
    .default('scope')
    .describe('Claim that holds the scopes: its name, or its path (`realm_access.roles`).'),
  JWT_NAMESPACE_CLAIM: z
    .string()
    .min(1)
    .default('namespace')
    .describe(
      'Claim that holds the namespace, by name or path. Without the claim the namespace is `default`.',
    ),

  TLS_CERT_FILE: path.optional().describe('Certificate in PEM, for HTTPS. New files are loaded within 5 s.'),
  TLS_KEY_FILE: path.optional().describe('Private key of `TLS_CERT_FILE`.'),
  TRUST_PROXY: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe('Number of your own reverse proxies in front of the API, whose `X-Forwarded-For` is trusted.'),
  ALLOWED_HOSTS: list(z.string().min(1).toLowerCase())
    .default([])
    .describe('Without keys and tokens, the API answers only to these host names ([access](access.md)).'),
  CORS_ORIGINS: list(
    z
      .string()
      .refine(isOrigin, { error: 'must be origins without a path, such as https://console.example.com' }),
  )
    .default([])
    .describe('Origins whose pages may call the API: `https://console.example.com,…`.'),
  INTERNAL_ACCESS: z
    .enum(['public', 'authenticated'])
    .default('public')
    .describe('`authenticated`: `/docs`, `/openapi.json` and `/metrics` need credentials.'),
  INTERNAL_PORT: anyPort
    .optional()
    .describe('Port that serves `/docs`, `/openapi.json` and `/metrics` instead of `PORT`.'),

  RATE_LIMIT_READS_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .optional()
    .describe(
      'Reads of one client a minute; `0` is no limit. Default: 6,000 with keys or tokens, else no limit.',
    ),
  RATE_LIMIT_WRITES_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(0)
    .max(10_000_000)
    .optional()
    .describe(
      'Writes of one client a minute; `0` is no limit. Default: 1,200 with keys or tokens, else no limit.',
    ),
  MAX_JOBS_PER_NAMESPACE: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000_000)
    .optional()
    .describe('Maximum number of jobs in a namespace. Default: no limit.'),
  MIN_INTERVAL_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(1)
    .describe('Shortest time between two occurrences of a job.'),

  DATABASE_URL: databaseUrl.describe(
    '`postgres://user:password@host:5432/database`. `npm start` brings its own.',
  ),
  DATABASE_READ_URL: databaseUrl
    .optional()
    .describe('A streaming replica, from which lists are read ([Postgres](postgres.md)).'),
  DATABASE_TLS: flag.default(false).describe('`true`: TLS, verified against the public authorities.'),
  DATABASE_CA_FILE: authorities.optional().describe('Authority of a managed database, in PEM. Implies TLS.'),
  DATABASE_POOL_SIZE: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('Maximum number of connections of one process.'),
  DATABASE_STATEMENT_TIMEOUT_MS: z.coerce
    .number()
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe('A statement that takes longer is cancelled.'),

  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, {
      error: 'must be host:port, such as localhost:7233',
    })
    .describe('`host:port`. `npm start` brings its own.'),
  TEMPORAL_NAMESPACE: z
    .string()
    .min(1)
    .default('default')
    .describe('Each installation needs a namespace of its own.'),
  TEMPORAL_TASK_QUEUE: z.string().min(1).default('scheduler').describe('Task queue of the workers.'),
  TEMPORAL_UI_URL: httpUrl.optional().describe('Address of the Temporal Web UI; each run links to it.'),
  TEMPORAL_TLS: flag.default(false).describe('`true`: TLS, verified against the public authorities.'),
  TEMPORAL_TLS_CA_FILE: authorities
    .optional()
    .describe('Authority of the Temporal server, in PEM. Implies TLS.'),
  TEMPORAL_TLS_CERT_FILE: fileContent
    .optional()
    .describe('Client certificate in PEM, for Temporal Cloud with mTLS.'),
  TEMPORAL_TLS_KEY_FILE: fileContent.optional().describe('Private key of `TEMPORAL_TLS_CERT_FILE`.'),
  TEMPORAL_API_KEY: z.string().min(1).optional().describe('API key of Temporal Cloud. Implies TLS.'),

  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl
    .optional()
    .describe(
      'Enables [traces](tracing-and-logs.md). The address of a collector, such as `http://localhost:4318`.',
    ),

  RUN_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(36_500)
    .default(90)
    .describe('Runs are deleted this many days after they ended.'),
  SWEEP_INTERVAL_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .describe('How often all Temporal Schedules are compared with all jobs.'),

  HEARTBEAT_URL: httpUrl
    .optional()
    .describe(
      'Called (GET) each minute while the reconciler works: a [dead man’s switch](late.md#who-watches-the-watchman).',
    ),

  SECRET_KEYS: parsedBy(parseSecretKeys, ({ keys }) => keys).describe(
    'Keys that encrypt the secrets of jobs: `name:base64,…`. The first one encrypts; all decrypt.',
  ),

  HTTP_TARGET_ALLOW: parsedBy(parseAddressRules, ({ rules }) => rules).describe(
    'Non-public addresses and hosts that jobs may call: `10.0.0.0/8,*.svc.cluster.local`, or `none`.',
  ),
  HTTPS_PROXY: proxy('HTTPS_PROXY')
    .optional()
    .describe('Outbound proxy for calls to https targets ([proxies](targets.md#through-a-proxy)).'),
  HTTP_PROXY: proxy('HTTP_PROXY').optional().describe('Outbound proxy for calls to http targets.'),
  NO_PROXY: parsedBy(parseProxyExceptions, ({ exceptions }) => exceptions).describe(
    'Targets that are called without a proxy: `.example.com,10.0.0.0/8,intranet:8080`, or `*`.',
  ),
  TARGET_PROXY_RESOLVES: flag
    .default(false)
    .describe('`true`: the proxy resolves names, and must refuse internal addresses itself.'),
  TARGET_CA_FILE: authorities
    .optional()
    .describe('Authorities that targets may use besides the public ones, in PEM.'),

  // For the local stack only.
  DATA_DIR: z
    .string()
    .min(1)
    .default('.data')
    .describe('Folder in which `npm start` keeps its data and logs.'),
  POSTGRES_PORT: port(5432).describe(
    'Port of the Postgres of `npm start`. If it is taken, the next free port.',
  ),
  TEMPORAL_PORT: port(7233).describe('Port of the Temporal of `npm start`, likewise.'),
  TEMPORAL_UI_PORT: port(8233).describe('Port of the Temporal Web UI of `npm start`, likewise.'),
  ECHO_PORT: port(8010).describe('Port of the echo receiver of `npm start`, likewise.'),
});
