import { isTimeZone } from './time-zone.ts';
import { ZONE_NAMES } from './tz-database-names.ts';

/** Names that Node may know from ICU alone, and those of the tz database that mean the same. In small letters. */
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

/** Zones that are younger than our list are those that the runtime knows besides. */
function knownNames(): Map<string, string> {
  byLowerCase ??= new Map(
    [...Intl.supportedValuesOf('timeZone').filter((name) => !name.startsWith('SystemV/')), ...ZONE_NAMES].map(
      (name) => [name.toLowerCase(), name],
    ),
  );
  return byLowerCase;
}

/**
 * A time zone's name in the case of the tz database: `europe/berlin` → `Europe/Berlin`. Undefined for what is no zone, and
 * for the names that ICU alone knows, such as `US/Pacific-New`: Temporal's server matches names exactly, and refuses both.
 */
export function canonicalZone(name: string): string | undefined {
  const known = knownNames().get(name.toLowerCase());
  return known !== undefined && isTimeZone(known) ? known : undefined;
}

/** The name of the tz database for what ICU alone knows; undefined if there is none. */
export function equivalentZone(name: string): string | undefined {
  const listed = REPLACEMENTS[name.toLowerCase()];
  if (listed !== undefined) return listed;
  try {
    return canonicalZone(new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone);
  } catch {
    return undefined;
  }
}

/** The zone that a stored schedule means: it may have been accepted under a name that is refused today. */
export const resolveZone = (name: string): string => canonicalZone(name) ?? equivalentZone(name) ?? name;
