import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { parseUrl } from '../domain/parse-url.ts';
import { contains, isHostPattern, parseNetwork, type Network } from './address-rules.ts';

/** A proxy for calls to targets. */
export interface OutboundProxy {
  /** The variable that configures it. Error messages name it instead of the address, which is internal. */
  variable: string;
  /** The connection to the proxy itself uses TLS. */
  isSecure: boolean;
  /** A host name, or an address without brackets. */
  host: string;
  port: number;
  /** Value of the header `Proxy-Authorization`. A secret. */
  authorization?: string;
}

/** An entry of NO_PROXY: a network or names, at one port or all. `isBelow`: only names below `name`, not `name` itself. */
type Exception =
  | ({ kind: 'network'; port?: number } & Network)
  | { kind: 'name'; name: string; isBelow: boolean; port?: number };

/** The content of `NO_PROXY`. */
export interface ProxyExceptions {
  /** `*`: nothing is called through a proxy. */
  isAll: boolean;
  list: Exception[];
}

const EXAMPLE = 'must be such as http://proxy.example.com:3128 or http://user:password@…';

/**
 * Parses the address of a proxy: `http://`, `https://`, or no scheme, which means http. The message of a fault quotes nothing
 * of the text, which may hold a password.
 */
export function parseProxy(text: string, variable: string): OutboundProxy | { fault: string } {
  const full = text.includes('://') ? text : `http://${text}`;
  const url = parseUrl(full);
  if (!url) return { fault: EXAMPLE };
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { fault: 'must be an http or https proxy; others, such as SOCKS, are not supported' };
  // An unescaped / ? or # in a password makes the URL parser take its beginning for the host and its rest for a path.
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    return {
      fault: 'must end with the port; in a name or password, write / as %2F, ? as %3F, # as %23 and @ as %40',
    };
  const credentials = decodeCredentials(url);
  if (credentials === undefined)
    return { fault: 'has a % in its name or password that encodes nothing; write it as %25' };
  const isSecure = url.protocol === 'https:';
  return {
    variable,
    isSecure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (isSecure ? 443 : 80),
    ...(credentials === '' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
  };
}

/** The credentials in the form of RFC 7617; empty if there are none, undefined if they cannot be decoded. */
function decodeCredentials({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return '';
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

/**
 * Parses `NO_PROXY` as Go does (golang.org/x/net/http/httpproxy). Entries are networks, and addresses or names with an optional
 * port. A name includes all names below it; `.example.com` and `*.example.com` mean only those below; `*` means everything.
 * Spaces separate entries too, as in curl. Unlike both, it reports entries that it cannot parse.
 */
export function parseProxyExceptions(text: string): { exceptions: ProxyExceptions; faults: string[] } {
  const exceptions: ProxyExceptions = { isAll: false, list: [] };
  const faults: string[] = [];
  for (const entry of text.toLowerCase().split(/[\s,]+/)) {
    if (entry === '') continue;
    if (entry === '*') {
      exceptions.isAll = true;
      continue;
    }
    const exception = parseException(entry);
    if (exception) exceptions.list.push(exception);
    else
      faults.push(
        `${JSON.stringify(entry)} is no name (example.com), address, network (10.0.0.0/8), or one of the first two with a port`,
      );
  }
  return { exceptions, faults };
}

function parseException(entry: string): Exception | undefined {
  // First, because the colons of an IPv6 address look like a port.
  const network = parseNetwork(entry);
  if (network) return { kind: 'network', ...network };
  const [, bracketed, plain = '', digits] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(entry) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? {} : { port: Number(digits) };
  const address = isIP(host) ? parseNetwork(host) : undefined;
  if (address) return { kind: 'network', ...address, ...port };
  const name = host.replace(/^\*?\./, '').replace(/\.$/, '');
  if (bracketed !== undefined || name.startsWith('*') || !isHostPattern(name)) return undefined;
  return { kind: 'name', name, isBelow: /^\*?\./.test(host), ...port };
}

/** The part of the configuration about proxies. */
export interface ProxySettings {
  HTTP_PROXY?: OutboundProxy | undefined;
  HTTPS_PROXY?: OutboundProxy | undefined;
  NO_PROXY?: ProxyExceptions | undefined;
}

/**
 * The proxy for a URL; undefined if it is called directly. Networks in NO_PROXY match addresses in the URL itself, not those
 * that names resolve to. Pure.
 */
export function findProxy(url: URL, { HTTP_PROXY, HTTPS_PROXY, NO_PROXY }: ProxySettings) {
  const isSecure = url.protocol === 'https:';
  const proxy = isSecure ? HTTPS_PROXY : HTTP_PROXY;
  if (!proxy || NO_PROXY?.isAll) return undefined;
  const host = url.hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '');
  const port = Number(url.port) || (isSecure ? 443 : 80);
  const address = isIP(host) ? ipaddr.process(host) : undefined;
  const isException = NO_PROXY?.list.some((entry) => {
    if (entry.port !== undefined && entry.port !== port) return false;
    if (entry.kind === 'network') return address !== undefined && contains(entry, address);
    return host.endsWith(`.${entry.name}`) || (!entry.isBelow && host === entry.name);
  });
  return isException ? undefined : proxy;
}
