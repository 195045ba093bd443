import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Addresses with the same first bits. */
export interface Network {
  address: ipaddr.IPv4 | ipaddr.IPv6;
  /** Length in bits. */
  prefix: number;
}

/** What an operator allows beyond public addresses: a network, or hosts by name. */
export type AddressRule = ({ kind: 'network' } & Network) | { kind: 'host'; pattern: string };

const HOST_PATTERN = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
/** Such a host is read as an IPv4 address by every URL parser (URL standard, "ends in a number"). */
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

/** Tells whether a text in lower case is a name, or `*.` and one. Pure. */
export const isHostPattern = (text: string) => HOST_PATTERN.test(text) && !ENDS_IN_NUMBER.test(text);

/** Reads a list such as `127.0.0.1/32,*.svc.cluster.local`. Faults are said in words; no rule is made of a faulty entry. */
export function parseAddressRules(text: string): { rules: AddressRule[]; faults: string[] } {
  const rules: AddressRule[] = [];
  const faults: string[] = [];
  for (const entry of text.split(',').map((part) => part.trim().toLowerCase())) {
    if (entry === '' || entry === 'none') continue;
    const network = parseNetwork(entry);
    if (network) {
      rules.push({ kind: 'network', ...network });
    } else if (isHostPattern(entry)) {
      rules.push({ kind: 'host', pattern: entry });
    } else {
      faults.push(
        `${JSON.stringify(entry)} is no address, network (10.0.0.0/8) or host (*.example.internal)`,
      );
    }
  }
  return { rules, faults };
}

/**
 * A network, or an address as one of itself; undefined for anything else. Takes the usual spelling alone: `10/8` would be read
 * as 0.0.0.10/8, which is not what its author meant. Pure.
 */
export function parseNetwork(entry: string): Network | undefined {
  const kind = isIP(entry.replace(/\/\d+$/, ''));
  const cidr = entry.includes('/') ? entry : `${entry}/${kind === 4 ? 32 : 128}`;
  if (kind === 0 || !ipaddr.isValidCIDR(cidr)) return undefined;
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  if (!(address instanceof ipaddr.IPv6) || !address.isIPv4MappedAddress()) return { address, prefix };
  // Addresses are compared unwrapped, so a mapped rule is unwrapped as well. A shorter one would speak of more than IPv4.
  return prefix < 96 ? undefined : { address: address.toIPv4Address(), prefix: prefix - 96 };
}

const networks = (...texts: string[]): Network[] =>
  texts.map((text) => {
    const [address, prefix] = ipaddr.parseCIDR(text);
    return { address, prefix };
  });

/**
 * Where clouds answer a machine about itself, often with its credentials: link-local addresses (AWS, Google, Azure,
 * OpenStack, Oracle and others), and those that stand elsewhere.
 */
const METADATA = [
  ...networks('169.254.0.0/16', 'fe80::/10'),
  ...networks('168.63.129.16/32'), // Azure; public by its number
  ...networks('100.100.100.200/32', 'fd00:100::100:200/128'), // Alibaba
  ...networks('192.0.0.192/32', 'fd00:c1::a9fe:a9fe/128'), // Oracle
  ...networks('fd00:ec2::/32'), // AWS
  ...networks('fd20:ce::254/128'), // Google
  ...networks('fd00:42::42/128'), // Scaleway
  ...networks('fd00:a9fe:a9fe::/64'), // Akamai, OpenStack
];

/** All that IANA has given out for public unicast so far (RFC 4291, 2.4; registry "IPv6 Address Space"). */
const GLOBAL_UNICAST = networks('2000::/3');
/** IPv4 in IPv6 without a prefix, deprecated by RFC 4291, 2.5.5.1; `::` and `::1` have ranges of their own. */
const IPV4_COMPATIBLE = networks('::/96');

/**
 * A rule for a host does not lead here: an operator who allows `*.internal` does not mean the metadata service, which
 * clouds give such a name, nor an IPv4 address that is hidden in an IPv6 one and that nobody has checked.
 */
const BEYOND_HOST_RULES = ['metadata', 'ipv4Compatible', 'rfc6145', 'rfc6052', '6to4', 'teredo'];

/**
 * Says why an address must not be called; undefined if it may be. Public unicast addresses are allowed, all others only
 * by a rule that names their network, or the host by which they were asked for.
 */
export function findForbidden(
  address: string,
  host: string,
  rules: readonly AddressRule[],
): string | undefined {
  if (isIP(address) === 0) return `${JSON.stringify(address)} is no IP address`;
  // process() unwraps an IPv4 address that is mapped into IPv6.
  const parsed = ipaddr.process(address);
  const range = findRange(parsed);
  if (range === 'unicast') return undefined;
  const needsNetwork = BEYOND_HOST_RULES.includes(range);
  const isAllowed = rules.some((rule) =>
    rule.kind === 'network' ? contains(rule, parsed) : !needsNetwork && matchesHost(host, rule.pattern),
  );
  if (isAllowed) return undefined;
  return (
    `the address ${parsed.toString()} is not public (${range}); ` +
    `an operator can allow ${needsNetwork ? 'its network' : 'it'} with HTTP_TARGET_ALLOW`
  );
}

/**
 * `unicast`, or the name of the special range. ipaddr.js knows those of IANA's registries of special-purpose addresses
 * (RFC 6890); in IPv6, where most of the space is given to nobody, what is not in use is special too.
 */
function findRange(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (METADATA.some((network) => contains(network, address))) return 'metadata';
  const range = address.range();
  if (range !== 'unicast' || address.kind() === 'ipv4') return range;
  if (GLOBAL_UNICAST.some((network) => contains(network, address))) return range;
  return IPV4_COMPATIBLE.some((network) => contains(network, address)) ? 'ipv4Compatible' : 'reserved';
}

/** Whether an address, unwrapped if it is an IPv4 one in IPv6, is of a network. Pure. */
export function contains(network: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return network.address.kind() === address.kind() && address.match(network.address, network.prefix);
}

/** Tells whether an address is that of this very machine, however it is spelled. Pure. */
export const isLoopback = (address: string) =>
  isIP(address) !== 0 && ipaddr.process(address).range() === 'loopback';

/**
 * Names that mean something in one network alone: those without a dot, and those below the domains that are set aside for it
 * (RFC 6761, 6762, 8375; ICANN's `.internal`, under which clouds have their metadata service).
 */
const LOCAL_NAME = /^[^.]+$|(^|\.)(localhost|local|localdomain|internal|intranet|lan|corp|home|home\.arpa)$/;

/** Says why a name must not be called whose addresses nobody here looks at; undefined if it may be. Pure. */
export function findForbiddenName(host: string, rules: readonly AddressRule[]): string | undefined {
  const name = host.toLowerCase().replace(/\.$/, '');
  const isAllowed = rules.some((rule) => rule.kind === 'host' && matchesHost(name, rule.pattern));
  if (isAllowed || !LOCAL_NAME.test(name)) return undefined;
  return `the name ${name} is not public; an operator can allow it with HTTP_TARGET_ALLOW`;
}

function matchesHost(host: string, pattern: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
