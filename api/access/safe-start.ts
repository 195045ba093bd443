import ipaddr from 'ipaddr.js';
import { ConfigError, type Config } from '../../platform/config.ts';

/** What switches keys and tokens on. */
type AccessConfig = Pick<Config, 'API_KEY_PEPPER' | 'JWT_JWKS_URL' | 'JWT_PUBLIC_KEY_FILE'>;

/** Whether whoever calls has to show who it is. */
export const requiresCredentials = (config: AccessConfig): boolean =>
  config.API_KEY_PEPPER !== undefined ||
  config.JWT_JWKS_URL !== undefined ||
  config.JWT_PUBLIC_KEY_FILE !== undefined;

/**
 * Keeps an API that would take orders from everybody off addresses that others can reach.
 * @throws ConfigError that says what can be done
 */
export function requireSafeStart(config: AccessConfig & Pick<Config, 'HOST' | 'AUTH'>): void {
  if (requiresCredentials(config) || config.AUTH === 'off' || isLoopback(config.HOST)) return;
  throw new ConfigError([
    `HOST: ${config.HOST} can be reached from other machines, and nothing says who may use the API. Set API_KEY_PEPPER (keys), JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE (tokens); or say AUTH=off, if something in front of it sees to that`,
  ]);
}

function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}

/** Tells whether an API without keys or tokens answers to this `Host`: to names of this machine, unless others are configured. */
export function isAllowedHost({ AUTH, ALLOWED_HOSTS }: Config, header: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
  const name = bracketed ?? plain;
  if (ALLOWED_HOSTS.length > 0) return name !== undefined && ALLOWED_HOSTS.includes(name);
  return AUTH === 'off' || (name !== undefined && (isLoopback(name) || name.endsWith('.localhost')));
}
