import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { contains, isHostPattern, parseNetwork, type Network } from './address-rules.ts';

/** Through what calls to targets go out. */
export interface OutboundProxy {
  /** The variable that names it: whoever reads of a failed call need not learn where it stands. */
  variable: string;
  /** TLS is spoken with the proxy itself. */
  isSecure: boolean;
  /** A name, or an address without brackets. */
  host: string;
  port: number;
  /** Of the header `Proxy-Authorization`: a secret. */
  authorization?: string;
}

/** What is called without a proxy: a network or names, at one port or at all. */
type Exception =
  | ({ kind: 'network'; port?: number } & Network)
  | { kind: 'name'; name: string; isBelow: boolean; port?: number };

/** What `NO_PROXY` says. */
export interface ProxyExceptions {
  isAll: boolean;
  list: Exception[];
}

const EXAMPLE = 'must be such as http://proxy.example.com:3128 or http://user:password@…';

/**
 * Reads the address of a proxy: `http://` or `https://`, or no scheme, which means http. A fault is said in words that hold
 * nothing of the text, for it may hold a password.
 */
export function parseProxy(text: string, variable: string): OutboundProxy | { fault: string } {
  const full = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(full)) return { fault: EXAMPLE };
  const url = new URL(full);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { fault: 'must be an http or https proxy; others, such as SOCKS, are not supported' };
  // An unescaped character of a password would make the rest of it a path, and its beginning a host.
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

/** As RFC 7617 joins them; empty if there are none, undefined if they can not be decoded. */
function decodeCredentials({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return '';
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

/**
 * Reads `NO_PROXY` as Go does (golang.org/x/net/http/httpproxy): addresses, networks, and names, which mean all names below
 * them too, each but a network with or without a port; `.example.com` and `*.example.com` mean those below alone, `*` all
 * there is. As curl does, it takes blanks for commas. Other than both, it does not pass over what it can not read.
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
  // Before all else, for an IPv6 address has colons of its own.
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

/** What the configuration says of proxies. */
export interface ProxySettings {
  HTTP_PROXY?: OutboundProxy | undefined;
  HTTPS_PROXY?: OutboundProxy | undefined;
  NO_PROXY?: ProxyExceptions | undefined;
}

/**
 * The proxy through which a URL is to be called; undefined if none. Exceptions go by what stands in the URL: a network is one
 * of addresses in URLs, not of those that names turn out to have. Pure.
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
