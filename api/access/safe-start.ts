import ipaddr from 'ipaddr.js';
import { ConfigError, type Config } from '../../platform/config.ts';

/** The variables that switch keys and tokens on. */
type AccessConfig = Pick<Config, 'API_KEY_PEPPER' | 'JWT_JWKS_URL' | 'JWT_PUBLIC_KEY_FILE'>;

/** Tells whether callers need credentials. */
export const requiresCredentials = (config: AccessConfig): boolean =>
  config.API_KEY_PEPPER !== undefined ||
  config.JWT_JWKS_URL !== undefined ||
  config.JWT_PUBLIC_KEY_FILE !== undefined;

/**
 * Refuses to start an API that needs no credentials on an address that other machines can reach.
 * @throws ConfigError with the ways out
 */
export function requireSafeStart(config: AccessConfig & Pick<Config, 'HOST' | 'AUTH'>): void {
  if (requiresCredentials(config) || config.AUTH === 'off' || isLoopback(config.HOST)) return;
  throw new ConfigError([
    `HOST: ${config.HOST} can be reached from other machines, and nothing says who may use the API. Set API_KEY_PEPPER (keys), JWT_JWKS_URL or JWT_PUBLIC_KEY_FILE (tokens); or set AUTH=off, if something in front of the API controls access`,
  ]);
}

function isLoopback(host: string): boolean {
  if (host.toLowerCase() === 'localhost') return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}

/**
 * Tells whether an API without keys or tokens answers a request with this `Host` header: only if it names this machine,
 * unless ALLOWED_HOSTS names other hosts or AUTH is off.
 */
export function isAllowedHost({ AUTH, ALLOWED_HOSTS }: Config, header: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d+)?$/.exec(header.toLowerCase()) ?? [];
  const name = bracketed ?? plain;
  if (ALLOWED_HOSTS.length > 0) return name !== undefined && ALLOWED_HOSTS.includes(name);
  return AUTH === 'off' || (name !== undefined && (isLoopback(name) || name.endsWith('.localhost')));
}
