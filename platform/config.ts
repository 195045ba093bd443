import { existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { findUrlFault } from '../domain/target/target-url.ts';
import { parseAddressRules } from './address-rules.ts';
import { parseCertificates } from './certificates.ts';
import { DEFAULT_PORT, findContradictions } from './config-contradictions.ts';
import { parseProxy, parseProxyExceptions } from './outbound-proxy.ts';
import { parseSecretKeys } from './secret-box.ts';

const anyPort = z.coerce.number().int().min(0).max(65_535);
const port = (fallback: number) => anyPort.default(fallback);

/** A list that is read by `parse`; each of its faults is named. */
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
    // Such as a folder, or a file that this user may not read.
    const message = error instanceof Error ? error.message : String(error);
    context.addIssue({ code: 'custom', message: `cannot be read: ${message}` });
    return z.NEVER;
  }
});

/** Certificates of authorities. Without this check a file of something else would be found out by connections that fail. */
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

const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;

/** Several values, separated by commas. */
const list = <Entry extends z.ZodType<string, string>>(entry: Entry) =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(entry));

/** Those that a public key can verify. */
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

/** Everything that is read from the environment. `.env.example` and the README's table describe the same names. */
const Environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port(DEFAULT_PORT),
  WORKER_PORT: port(8001),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),

  AUTH: z
    .literal('off', { error: 'can only be off; keys and tokens are switched on by API_KEY_PEPPER and JWT_…' })
    .optional(),
  API_KEY_PEPPER: z
    .string()
    .min(32, { error: 'must have 32 characters or more (openssl rand -base64 32)' })
    .optional(),
  JWT_JWKS_URL: httpUrl.optional(),
  JWT_PUBLIC_KEY_FILE: fileContent.optional(),
  JWT_ISSUER: z.string().min(1).optional(),
  JWT_AUDIENCE: z.string().min(1).optional(),
  JWT_ALGORITHMS: list(z.enum(JWT_ALGORITHMS)).default(['RS256', 'PS256', 'ES256', 'EdDSA']),
  JWT_CLOCK_SKEW_SECONDS: z.coerce.number().int().min(0).max(300).default(30),
  JWT_SCOPES_CLAIM: z.string().min(1).default('scope'),
  JWT_NAMESPACE_CLAIM: z.string().min(1).default('namespace'),

  TLS_CERT_FILE: path.optional(),
  TLS_KEY_FILE: path.optional(),
  TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
  ALLOWED_HOSTS: list(z.string().min(1).toLowerCase()).default([]),
  CORS_ORIGINS: list(
    z
      .string()
      .refine(isOrigin, { error: 'must be origins without a path, such as https://console.example.com' }),
  ).default([]),
  INTERNAL_ACCESS: z.enum(['public', 'authenticated']).default('public'),
  INTERNAL_PORT: anyPort.optional(),

  RATE_LIMIT_READS_PER_MINUTE: z.coerce.number().int().min(0).max(10_000_000).optional(),
  RATE_LIMIT_WRITES_PER_MINUTE: z.coerce.number().int().min(0).max(10_000_000).optional(),
  MAX_JOBS_PER_NAMESPACE: z.coerce.number().int().min(1).max(10_000_000).optional(),
  MIN_INTERVAL_SECONDS: z.coerce.number().int().min(1).max(86_400).default(1),

  DATABASE_URL: databaseUrl,
  DATABASE_READ_URL: databaseUrl.optional(),
  DATABASE_TLS: flag.default(false),
  DATABASE_CA_FILE: authorities.optional(),
  DATABASE_POOL_SIZE: z.coerce.number().int().min(1).max(1_000).default(10),
  DATABASE_STATEMENT_TIMEOUT_MS: z.coerce.number().int().min(100).max(600_000).default(10_000),

  TEMPORAL_ADDRESS: z.string().regex(/^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, {
    error: 'must be host:port, such as localhost:7233',
  }),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
  TEMPORAL_TASK_QUEUE: z.string().min(1).default('scheduler'),
  TEMPORAL_UI_URL: httpUrl.optional(),
  TEMPORAL_TLS: flag.default(false),
  TEMPORAL_TLS_CA_FILE: authorities.optional(),
  TEMPORAL_TLS_CERT_FILE: fileContent.optional(),
  TEMPORAL_TLS_KEY_FILE: fileContent.optional(),
  TEMPORAL_API_KEY: z.string().min(1).optional(),

  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),

  RUN_RETENTION_DAYS: z.coerce.number().int().min(1).max(36_500).default(90),
  SWEEP_INTERVAL_SECONDS: z.coerce.number().int().min(1).max(86_400).default(300),

  SECRET_KEYS: parsedBy(parseSecretKeys, ({ keys }) => keys),

  HTTP_TARGET_ALLOW: parsedBy(parseAddressRules, ({ rules }) => rules),
  HTTPS_PROXY: proxy('HTTPS_PROXY').optional(),
  HTTP_PROXY: proxy('HTTP_PROXY').optional(),
  NO_PROXY: parsedBy(parseProxyExceptions, ({ exceptions }) => exceptions),
  TARGET_PROXY_RESOLVES: flag.default(false),
  TARGET_CA_FILE: authorities.optional(),

  // For the local stack alone: where it keeps its data, and the ports of the parts that it brings along.
  DATA_DIR: z.string().min(1).default('.data'),
  POSTGRES_PORT: port(5432),
  TEMPORAL_PORT: port(7233),
  TEMPORAL_UI_PORT: port(8233),
  ECHO_PORT: port(8010),
});

const LocalEnvironment = Environment.partial({ DATABASE_URL: true, TEMPORAL_ADDRESS: true });
const ServiceEnvironment = Environment;
const DatabaseEnvironment = Environment.partial({ TEMPORAL_ADDRESS: true });

/** The configuration of the local stack, in which the addresses of the two servers may be missing: it brings its own. */
export type LocalConfig = z.infer<typeof LocalEnvironment>;

/** The configuration of an API or worker process. */
export type Config = z.infer<typeof ServiceEnvironment>;

/** The configuration of a process that works on the database alone. */
export type DatabaseConfig = z.infer<typeof DatabaseEnvironment>;

/** One error for everything that is wrong with the environment. */
export class ConfigError extends Error {
  constructor(faults: string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

type Variables = Record<string, string | undefined>;

/** Other programs know these by both names; as in Go, the one in upper case goes before. */
const IN_LOWER_CASE_TOO = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];

/**
 * Reads the configuration of an API or worker process.
 * @throws ConfigError naming every wrong or missing variable at once
 */
export function readConfig(variables: Variables): Config {
  return parse(ServiceEnvironment, variables);
}

/**
 * Reads the configuration of a process that works on the database alone.
 * @throws ConfigError naming every wrong or missing variable at once
 */
export function readDatabaseConfig(variables: Variables): DatabaseConfig {
  return parse(DatabaseEnvironment, variables);
}

/**
 * Reads the configuration of the local stack.
 * @throws ConfigError naming every wrong variable at once
 */
export function readLocalConfig(variables: Variables): LocalConfig {
  return parse(LocalEnvironment, variables);
}

function parse<Shape extends z.ZodType>(schema: Shape, variables: Variables): z.output<Shape> {
  // An empty variable counts as one that is not set, as in a .env file with "NAME=".
  const inLowerCase = IN_LOWER_CASE_TOO.map((name) => [name, variables[name.toLowerCase()]] as const);
  const given = Object.fromEntries(
    [...inLowerCase, ...Object.entries(variables)].filter(([, value]) => value !== undefined && value !== ''),
  );
  const result = schema.safeParse(given);
  const contradictions = findContradictions(given);
  if (result.success && contradictions.length === 0) return result.data;
  throw new ConfigError([
    ...(result.error?.issues ?? []).map((issue) => {
      const name = String(issue.path[0]);
      const value = given[name];
      // A connection string holds a password, and the address of a proxy may: never shown.
      const shown =
        value === undefined || /^DATABASE_(READ_)?URL$|^HTTPS?_PROXY$|KEY|PEPPER/.test(name)
          ? ''
          : ` (is ${JSON.stringify(value)})`;
      const missing = value === undefined && issue.code !== 'custom';
      return `${name}: ${missing ? `is required${hint(name)}` : `${issue.message}${shown}`}`;
    }),
    ...contradictions,
  ]);
}

const hint = (name: string) =>
  name === 'DATABASE_URL' || name === 'TEMPORAL_ADDRESS'
    ? '; for a local stack with everything in it, use npm start'
    : '';
