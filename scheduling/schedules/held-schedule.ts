import { createHash } from 'node:crypto';
import type { RepairedDrift } from '../../domain/job/job.ts';
import type { Description, ListedSchedule, Schedule } from '../temporal/raw-schedules.ts';

// What Temporal holds of a schedule, in a form in which two can be compared: every field that an update can change,
// also those that this version does not know.

/** Field by field, such as `spec.interval`: the value as text. A field with its default value is left out. */
export type HeldFields = Record<string, string>;

/** What is compared of a schedule. */
export interface HeldSchedule {
  fields: HeldFields;
  /** Of all fields but `state.remainingActions`, which Temporal counts down. */
  hash: string;
  /** Of what a list shows of it. */
  listedHash: string;
}

/** The field that Temporal changes by itself. */
export const REMAINING_ACTIONS = 'state.remainingActions';

/** The parts of an action that hold payloads, which may hold anything, and are not shown. */
const OPAQUE = [
  'action.input',
  'action.memo',
  'action.header',
  'action.userMetadata',
  'action.searchAttributes',
];

/** A list shows this many entries of each part of a spec. */
const LISTED_ENTRIES = 10;

/** Reads a schedule that was described, or that is about to be sent. Pure. */
export function toHeldSchedule(schedule: Schedule | null | undefined): HeldSchedule {
  const fields = fieldsOf(schedule);
  const lasting = Object.entries(fields).filter(([field]) => field !== REMAINING_ACTIONS);
  const { spec = null, action, state } = schedule ?? {};
  const workflowType = action?.startWorkflow?.workflowType ?? null;
  return { fields, hash: hashOf(lasting), listedHash: hashOfListed({ spec, workflowType, ...state }) };
}

/** The hash of what a list shows of a schedule. Pure. */
export const listedHashOf = ({ info }: ListedSchedule) => hashOfListed(info ?? {});

function hashOfListed({ spec, workflowType, notes, paused }: NonNullable<ListedSchedule['info']>): string {
  const first = <Entry>(entries: Entry[] | null | undefined) => entries?.slice(0, LISTED_ENTRIES);
  const listed = spec && {
    ...spec,
    structuredCalendar: first(spec.structuredCalendar),
    interval: first(spec.interval),
    excludeStructuredCalendar: first(spec.excludeStructuredCalendar),
    timezoneData: undefined,
  };
  return hashOf(toCanonical({ spec: listed, workflowType, notes, paused }));
}

const hashOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('base64url');

function fieldsOf(schedule: Schedule | null | undefined): HeldFields {
  const { action, ...parts } = { ...schedule };
  const { startWorkflow, ...otherActions } = { ...action };
  return {
    ...fieldsIn('spec', parts.spec),
    ...fieldsIn('policies', parts.policies),
    ...fieldsIn('state', parts.state),
    ...fieldsIn('action', { ...startWorkflow, ...otherActions }),
    ...fieldsIn('schedule', { ...parts, spec: undefined, policies: undefined, state: undefined }),
  };
}

function fieldsIn(part: string, message: object | null | undefined): HeldFields {
  const fields: HeldFields = {};
  for (const [name, value] of Object.entries(message ?? {}).sort(byName)) {
    const canonical = toCanonical(value);
    if (canonical !== undefined)
      fields[`${part}.${name}`] = typeof canonical === 'string' ? canonical : JSON.stringify(canonical);
  }
  return fields;
}

const byName = ([one]: [string, unknown], [other]: [string, unknown]) =>
  one < other ? -1 : Number(one > other);

/** A 64-bit integer, as protobufjs has them. */
interface Long {
  low: number;
  high: number;
  toString: (radix: number) => string;
}

const isLong = (value: object): value is Long => 'low' in value && 'high' in value;

/**
 * A value of a protobuf message as JSON that is equal for equal values: without defaults, which a server may send or
 * leave out, and with fields in the order of their names. Undefined: it is the default. Pure.
 */
function toCanonical(value: unknown): unknown {
  if (value === null || value === undefined || value === '' || value === 0 || value === false)
    return undefined;
  if (typeof value !== 'object') return value;
  if (value instanceof Uint8Array)
    return value.length === 0 ? undefined : Buffer.from(value).toString('base64');
  if (isLong(value)) return value.low === 0 && value.high === 0 ? undefined : value.toString(10);
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map((entry) => toCanonical(entry) ?? null);
  const members = Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, toCanonical(member)])
    .filter(([, member]) => member !== undefined)
    .sort(byName);
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** Longer texts are cut. */
const SHOWN_CHARACTERS = 200;

/** The fields in which two forms of a schedule differ. Pure. */
export function compareFields(found: HeldFields, restored: HeldFields): RepairedDrift[] {
  const names = [...new Set([...Object.keys(found), ...Object.keys(restored)])].sort();
  return names
    .filter((field) => found[field] !== restored[field])
    .map((field) => ({ field, found: shown(field, found[field]), restored: shown(field, restored[field]) }));
}

function shown(field: string, text: string | undefined): string | null {
  if (text === undefined || OPAQUE.includes(field)) return null;
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

/** How many scheduled starts a schedule has left; undefined if it has no limit. Pure. */
export function remainingActionsOf({ schedule }: Description): number | undefined {
  const { limitedActions, remainingActions } = schedule?.state ?? {};
  return limitedActions ? Number(String(remainingActions ?? 0)) : undefined;
}
