import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Addresses with the same first bits. */
export interface Network {
  address: ipaddr.IPv4 | ipaddr.IPv6;
  /** Length in bits. */
  prefix: number;
}

/** A rule of HTTP_TARGET_ALLOW, which allows non-public addresses: a network, or hosts by name. */
export type AddressRule = ({ kind: 'network' } & Network) | { kind: 'host'; pattern: string };

const HOST_PATTERN = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
/** URL parsers read such a host as an IPv4 address (URL standard, "ends in a number"). */
const ENDS_IN_NUMBER = /(^|\.)(\d+|0x[0-9a-f]*)$/;

/** Tells whether a lower-case text is a host name, or `*.` and a host name. Pure. */
export const isHostPattern = (text: string) => HOST_PATTERN.test(text) && !ENDS_IN_NUMBER.test(text);

/** Parses a list such as `127.0.0.1/32,*.svc.cluster.local` into rules, and a message for each faulty entry. */
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
 * Parses a network, or an address as a network of one; undefined for anything else. Accepts the usual spelling only, because
 * ipaddr.js reads `10/8` as 0.0.0.10/8, which is not what its author means. Pure.
 */
export function parseNetwork(entry: string): Network | undefined {
  const kind = isIP(entry.replace(/\/\d+$/, ''));
  const cidr = entry.includes('/') ? entry : `${entry}/${kind === 4 ? 32 : 128}`;
  if (kind === 0 || !ipaddr.isValidCIDR(cidr)) return undefined;
  const [address, prefix] = ipaddr.parseCIDR(cidr);
  if (!(address instanceof ipaddr.IPv6) || !address.isIPv4MappedAddress()) return { address, prefix };
  // Addresses are compared unmapped, so the rule is unmapped too. A prefix below 96 would cover more than IPv4.
  return prefix < 96 ? undefined : { address: address.toIPv4Address(), prefix: prefix - 96 };
}

const networks = (...texts: string[]): Network[] =>
  texts.map((text) => {
    const [address, prefix] = ipaddr.parseCIDR(text);
    return { address, prefix };
  });

/**
 * Metadata services of clouds, which hand out credentials: the link-local addresses (AWS, Google, Azure, OpenStack, Oracle and
 * others), and addresses elsewhere.
 */
const METADATA = [
  ...networks('169.254.0.0/16', 'fe80::/10'),
  ...networks('168.63.129.16/32'), // Azure, in the public range
  ...networks('100.100.100.200/32', 'fd00:100::100:200/128'), // Alibaba
  ...networks('192.0.0.192/32', 'fd00:c1::a9fe:a9fe/128'), // Oracle
  ...networks('fd00:ec2::/32'), // AWS
  ...networks('fd20:ce::254/128'), // Google
  ...networks('fd00:42::42/128'), // Scaleway
  ...networks('fd00:a9fe:a9fe::/64'), // Akamai, OpenStack
];

/** The only IPv6 range that IANA has allocated for public unicast (RFC 4291, 2.4; registry "IPv6 Address Space"). */
const GLOBAL_UNICAST = networks('2000::/3');
/** IPv4-compatible IPv6 addresses, deprecated by RFC 4291, 2.5.5.1. `::` and `::1` have ranges of their own. */
const IPV4_COMPATIBLE = networks('::/96');

/**
 * Ranges that a rule for a host never allows. An operator who allows `*.internal` does not mean the metadata service, although
 * clouds give it such a name, nor an unchecked IPv4 address that is embedded in an IPv6 one.
 */
const NETWORK_RULES_ONLY = ['metadata', 'ipv4Compatible', 'rfc6145', 'rfc6052', '6to4', 'teredo'];

/**
 * The rule set of the SSRF guard: why an address must not be called, or undefined if it may be. Public unicast addresses are
 * allowed; all others need a rule for their network, or for the host name that resolved to them.
 */
export function findForbidden(
  address: string,
  host: string,
  rules: readonly AddressRule[],
): string | undefined {
  if (isIP(address) === 0) return `${JSON.stringify(address)} is no IP address`;
  // process() turns an IPv4-mapped IPv6 address into the IPv4 one.
  const parsed = ipaddr.process(address);
  const range = findRange(parsed);
  if (range === 'unicast') return undefined;
  const needsNetwork = NETWORK_RULES_ONLY.includes(range);
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
 * `unicast`, or the name of the special range. ipaddr.js knows IANA's registries of special-purpose addresses (RFC 6890).
 * Unallocated IPv6 space, which is most of it, counts as special too.
 */
function findRange(address: ipaddr.IPv4 | ipaddr.IPv6): string {
  if (METADATA.some((network) => contains(network, address))) return 'metadata';
  const range = address.range();
  if (range !== 'unicast' || address.kind() === 'ipv4') return range;
  if (GLOBAL_UNICAST.some((network) => contains(network, address))) return range;
  return IPV4_COMPATIBLE.some((network) => contains(network, address)) ? 'ipv4Compatible' : 'reserved';
}

/** Tells whether an address is in a network. IPv4-mapped IPv6 addresses must be unmapped before. Pure. */
export function contains(network: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return network.address.kind() === address.kind() && address.match(network.address, network.prefix);
}

/** Tells whether a text is a loopback address, in any spelling. Pure. */
export const isLoopback = (address: string) =>
  isIP(address) !== 0 && ipaddr.process(address).range() === 'loopback';

/**
 * Host names that resolve only within a local network: those without a dot, and those in domains reserved for that (RFC 6761,
 * 6762, 8375; ICANN's `.internal`, which clouds use for their metadata service).
 */
const LOCAL_NAME = /^[^.]+$|(^|\.)(localhost|local|localdomain|internal|intranet|lan|corp|home|home\.arpa)$/;

/** Why a host name must not be called if a proxy resolves it, or undefined if it may be. Pure. */
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
