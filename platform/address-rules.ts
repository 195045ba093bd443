import ipaddr from 'ipaddr.js';

/** What an operator allows beyond public addresses: a network, or hosts by name. */
export type AddressRule =
  { kind: 'network'; address: ipaddr.IPv4 | ipaddr.IPv6; prefix: number } | { kind: 'host'; pattern: string };

/** Reads a list such as `127.0.0.1/32,*.svc.cluster.local`. Faults are said in words; no rule is made of a faulty entry. */
export function parseAddressRules(text: string): { rules: AddressRule[]; faults: string[] } {
  const rules: AddressRule[] = [];
  const faults: string[] = [];
  for (const entry of text.split(',').map((part) => part.trim().toLowerCase())) {
    if (entry === '' || entry === 'none') continue;
    if (ipaddr.isValidCIDR(entry)) {
      const [address, prefix] = ipaddr.parseCIDR(entry);
      rules.push({ kind: 'network', address, prefix });
    } else if (ipaddr.isValid(entry)) {
      const address = ipaddr.parse(entry);
      rules.push({ kind: 'network', address, prefix: address.kind() === 'ipv4' ? 32 : 128 });
    } else if (/^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(entry)) {
      rules.push({ kind: 'host', pattern: entry });
    } else {
      faults.push(
        `${JSON.stringify(entry)} is no address, network (10.0.0.0/8) or host (*.example.internal)`,
      );
    }
  }
  return { rules, faults };
}

/** Microsoft Azure's platform address: public by its number, and answered from inside the machine. */
const METADATA_ADDRESSES = ['168.63.129.16'];

/**
 * Says why an address must not be called; undefined if it may be. Public unicast addresses are allowed, all others only
 * by a rule that names their network, or the host by which they were asked for.
 */
export function findForbidden(
  address: string,
  host: string,
  rules: readonly AddressRule[],
): string | undefined {
  if (rules.some((rule) => rule.kind === 'host' && matchesHost(host, rule.pattern))) return undefined;
  // process() unwraps an IPv4 address that is mapped into IPv6.
  const parsed = ipaddr.process(address);
  for (const rule of rules) {
    if (
      rule.kind === 'network' &&
      rule.address.kind() === parsed.kind() &&
      parsed.match(rule.address, rule.prefix)
    )
      return undefined;
  }
  const range = METADATA_ADDRESSES.includes(parsed.toString()) ? 'metadata' : parsed.range();
  if (range === 'unicast') return undefined;
  return `the address ${parsed.toString()} is not public (${range}); an operator can allow it with HTTP_TARGET_ALLOW`;
}

function matchesHost(host: string, pattern: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}
