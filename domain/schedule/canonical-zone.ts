import { isTimeZone } from './time-zone.ts';
import { ZONE_NAMES } from './tz-database-names.ts';

/** Lower-case names that only ICU knows, and the equivalent names of the tz database. */
const REPLACEMENTS: Readonly<Record<string, string>> = {
  'us/pacific-new': 'America/Los_Angeles',
  'canada/east-saskatchewan': 'America/Regina',
  'systemv/ast4': 'America/Puerto_Rico',
  'systemv/ast4adt': 'America/Halifax',
  'systemv/cst6': 'America/Regina',
  'systemv/cst6cdt': 'America/Chicago',
  'systemv/est5': 'America/Indianapolis',
  'systemv/est5edt': 'America/New_York',
  'systemv/hst10': 'Pacific/Honolulu',
  'systemv/mst7': 'America/Phoenix',
  'systemv/mst7mdt': 'America/Denver',
  'systemv/pst8': 'Pacific/Pitcairn',
  'systemv/pst8pdt': 'America/Los_Angeles',
  'systemv/yst9': 'Pacific/Gambier',
  'systemv/yst9ydt': 'America/Anchorage',
};

let byLowerCase: Map<string, string> | undefined;

/** The names of our list, and newer ones that only the runtime knows. */
function knownNames(): Map<string, string> {
  byLowerCase ??= new Map(
    [...Intl.supportedValuesOf('timeZone').filter((name) => !name.startsWith('SystemV/')), ...ZONE_NAMES].map(
      (name) => [name.toLowerCase(), name],
    ),
  );
  return byLowerCase;
}

/**
 * The name of a time zone in the case of the tz database: `europe/berlin` → `Europe/Berlin`. Undefined if there is no such
 * zone, or if only ICU knows it, such as `US/Pacific-New`. Temporal's server compares names exactly and refuses such names.
 */
export function canonicalZone(name: string): string | undefined {
  const known = knownNames().get(name.toLowerCase());
  return known !== undefined && isTimeZone(known) ? known : undefined;
}

/** The equivalent name of the tz database for a name that only ICU knows; undefined if there is none. */
export function equivalentZone(name: string): string | undefined {
  const listed = REPLACEMENTS[name.toLowerCase()];
  if (listed !== undefined) return listed;
  try {
    return canonicalZone(new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone);
  } catch {
    return undefined;
  }
}

/** The canonical name of a stored schedule's zone, which may be a name that is refused today. */
export const resolveZone = (name: string): string => canonicalZone(name) ?? equivalentZone(name) ?? name;
