import type { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import type { Database } from '../../db/database.ts';
import type { ReadList } from '../../db/replica.ts';
import type { Scope } from '../../domain/access.ts';
import type { Source } from '../../domain/job/audit.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Origin } from '../../domain/run/origin.ts';
import type { Logger } from '../../platform/logger.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import type { CircuitBreaker } from '../../platform/circuit-breaker.ts';
import type { Session } from '../access/session.ts';
import type { EventKind } from './describe-events.ts';
import type { RunEventHub } from '../stream/run-event-hub.ts';
import type { HealthCheck } from './health-check.ts';

/** What the handlers of operations work with. One object serves the whole process; api/main.ts builds it. */
export interface ApiDependencies {
  db: Database;
  /** Reads a list from the replica, if there is one and it is not too far behind; else from `db`. */
  readList: ReadList;
  temporal: Client;
  /** Around calls to Temporal. */
  breaker: CircuitBreaker;
  checkHealth: HealthCheck;
  taskQueue: string;
  /** Inside a handler: the logger of the request, which knows its id. */
  logger: Logger;
  /** Encrypts the secrets of jobs. */
  secrets: SecretBox;
  /** Address of the Temporal Web UI; undefined if the configuration names none. */
  temporalUiUrl: string | undefined;
  /** Runs are deleted this long after they ended. */
  runRetentionMs: number;
  /** The events of runs, for clients that stream them. */
  runEvents: RunEventHub;
  /** The secret in the hashes of API keys; undefined if this installation takes no keys. */
  apiKeyPepper: string | undefined;
  limits: {
    /** Undefined: no limit. */
    jobsPerNamespace: number | undefined;
    /** Shortest time between two occurrences of a job. */
    minIntervalMs: number;
  };
  /** The clock. */
  now: () => Date;
  /** Tells whether this process is shutting down. */
  isStopping: () => boolean;
}

/** The answer of a handler. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Server-sent events, in place of a body. */
  stream?: Readable;
}

/** A handler's input, as its operation's schemas have parsed it. */
export interface Input<Params, Query, Body, Headers> {
  params: Params;
  query: Query;
  body: Body;
  headers: Headers;
  /** Who sent the request. A public operation has a caller without name, namespace and scopes. */
  caller: Session;
  /** The namespace of the request: the caller's own, unless an admin named another one. */
  namespace: string;
  /** Id and trace of this request, stored with what it creates. */
  origin: Origin;
  /** Who sent this request and from where, stored with what it changes, for the audit log. */
  source: Source;
  /** The body before validation. */
  sent: unknown;
  method: string;
  /** Path and query of the request, to build links from. */
  url: URL;
}

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** One operation of the API. The router, the validation and the OpenAPI document are all made from it. */
export interface Operation<
  Params = unknown,
  Query = unknown,
  Body = unknown,
  Headers = unknown,
  M extends Method = Method,
  Path extends string = string,
> {
  method: M;
  /** As OpenAPI writes it: `/jobs/{id}`. */
  path: Path;
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  /** The scope that a caller needs. `credentials`: valid credentials of any scope; `public`: none at all. */
  access: Scope | 'credentials' | 'public';
  params?: z.ZodObject & z.ZodType<Params>;
  query?: z.ZodObject & z.ZodType<Query>;
  /** Under their names in the OpenAPI document, by which the handler gets them too. */
  headers?: z.ZodObject & z.ZodType<Headers>;
  body?: z.ZodType<Body>;
  /** Media types of the body; by default `JSON_TYPES`. */
  bodyTypes?: readonly string[];
  /** A request without a body counts as one with an empty object. */
  bodyOptional?: true;
  /** Examples of the body for the OpenAPI document, by name. */
  bodyExamples?: Record<string, { summary: string; value: unknown }>;
  /** The successful answers, by status. */
  answers: Record<
    number,
    {
      description: string;
      /** Schema of a JSON body. */
      schema?: z.ZodType;
      /** Server-sent events in place of a body, by their `event` field. */
      events?: Record<string, EventKind>;
      /** Descriptions of the headers, by name. */
      headers?: Record<string, string>;
    }
  >;
  /** False: the operation works without Postgres and Temporal, so it never answers `unavailable`. */
  needsStorage?: false;
  /** The errors besides those that `errorsOf` adds. */
  errors?: ErrorCode[];
  handle: (input: Input<Params, Query, Body, Headers>, dependencies: ApiDependencies) => Promise<Answer>;
}

/** Media types of a body, unless its operation names others. */
export const JSON_TYPES: readonly string[] = ['application/json'];

/** Tells whether requests of an operation count as reads or as writes, for the rate limits. */
export const isRead = ({ access, method }: Operation): boolean =>
  method === 'get' || access.endsWith(':read');

/** Declares an operation. The schemas give the handler's input its types. */
export function operation<Params, Query, Body, Headers, M extends Method, Path extends string>(
  definition: Operation<Params, Query, Body, Headers, M, Path>,
): Operation<unknown, unknown, unknown, unknown, M, Path> {
  return definition as unknown as Operation<unknown, unknown, unknown, unknown, M, Path>;
}

/** Every error that an operation can answer: its own, and those that follow from its access, input and storage. */
export function errorsOf(definition: Operation): ErrorCode[] {
  const errors = new Set<ErrorCode>(definition.errors);
  const { params, query, headers, body, access } = definition;
  if (access !== 'public') {
    for (const code of ['invalid', 'unauthenticated', 'forbidden', 'rate_limited', 'unavailable'] as const)
      errors.add(code);
  }
  if (params || query || headers || body) errors.add('invalid');
  if (body)
    for (const code of ['not_json', 'body_too_large', 'unsupported_media_type'] as const) errors.add(code);
  errors.add('internal');
  if (definition.needsStorage !== false) errors.add('unavailable');
  return [...errors];
}
