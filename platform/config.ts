import type { z } from 'zod';
import { findContradictions } from './config-contradictions.ts';
import { Environment } from './environment.ts';

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
