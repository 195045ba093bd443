import type { z } from 'zod';
import { findContradictions } from './config-contradictions.ts';
import { Environment } from './environment.ts';

const LocalEnvironment = Environment.partial({ DATABASE_URL: true, TEMPORAL_ADDRESS: true });
const ServiceEnvironment = Environment;
const DatabaseEnvironment = Environment.partial({ TEMPORAL_ADDRESS: true });

/** The configuration of the local stack, which starts its own Postgres and Temporal unless their addresses are set. */
export type LocalConfig = z.infer<typeof LocalEnvironment>;

/** The configuration of an API or worker process. */
export type Config = z.infer<typeof ServiceEnvironment>;

/** The configuration of a process that uses the database only. */
export type DatabaseConfig = z.infer<typeof DatabaseEnvironment>;

/** Lists everything that is wrong with the environment. */
export class ConfigError extends Error {
  constructor(faults: string[]) {
    super(`The configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

type Variables = Record<string, string | undefined>;

/** Variables that are also read in lower case, as other programs do. Upper case wins, as in Go. */
const ALSO_IN_LOWER_CASE = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];

/**
 * Reads the configuration of an API or worker process.
 * @throws ConfigError naming every wrong or missing variable
 */
export function readConfig(variables: Variables): Config {
  return parse(ServiceEnvironment, variables);
}

/**
 * Reads the configuration of a process that uses the database only.
 * @throws ConfigError naming every wrong or missing variable
 */
export function readDatabaseConfig(variables: Variables): DatabaseConfig {
  return parse(DatabaseEnvironment, variables);
}

/**
 * Reads the configuration of the local stack.
 * @throws ConfigError naming every wrong variable
 */
export function readLocalConfig(variables: Variables): LocalConfig {
  return parse(LocalEnvironment, variables);
}

function parse<Shape extends z.ZodType>(schema: Shape, variables: Variables): z.output<Shape> {
  // An empty variable counts as unset, as with "NAME=" in a .env file.
  const inLowerCase = ALSO_IN_LOWER_CASE.map((name) => [name, variables[name.toLowerCase()]] as const);
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
      // Never shown: values that hold secrets, such as the password in a connection string or the address of a proxy.
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
