import type { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import type { Database } from '../../db/database.ts';
import type { ReadList } from '../../db/replica.ts';
import type { Scope } from '../../domain/access.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { Origin } from '../../domain/run/origin.ts';
import type { Logger } from '../../platform/logger.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import type { CircuitBreaker } from '../../platform/circuit-breaker.ts';
import type { Session } from '../access/session.ts';
import type { EventKind } from './describe-events.ts';
import type { RunEventHub } from '../stream/run-event-hub.ts';

/** What handlers work with. */
export interface ApiDependencies {
  db: Database;
  /** Reads a list from the replica, if there is one that is fit. Everything else, and what is read to be changed, is `db`'s. */
  readList: ReadList;
  temporal: Client;
  /** Whether Temporal is away, as this process knows it. */
  breaker: CircuitBreaker;
  taskQueue: string;
  logger: Logger;
  /** With what the secrets of jobs are encrypted. */
  secrets: SecretBox;
  /** Where the Temporal Web UI is, if it is known. */
  temporalUiUrl: string | undefined;
  /** So long after they ended, runs are forgotten. */
  runRetentionMs: number;
  /** Watches the log of runs for those who follow them. */
  runEvents: RunEventHub;
  /** With what the hashes of API keys are made; undefined: there are no keys. */
  apiKeyPepper: string | undefined;
  limits: {
    /** Of one namespace; undefined: as many as one likes. */
    jobsPerNamespace: number | undefined;
    /** The shortest time between two occurrences of a job. */
    minIntervalMs: number;
  };
  /** The clock, so that a test can bring its own. */
  now: () => Date;
  /** Whether this process has been asked to end. */
  isStopping: () => boolean;
}

/** What a handler answers. */
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
  /** Who asks. Of an operation that is public, nobody. */
  caller: Session;
  /** The namespace that is meant: the caller's own, unless an admin names another one. */
  namespace: string;
  /** This request, as what it makes remembers it. */
  origin: Origin;
  /** The body as it was sent. */
  sent: unknown;
  method: string;
  /** The request's own path and query, to build links from. */
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
  /** The scope that its caller needs; `credentials`: none, but it must be known who asks; `public`: not even that. */
  access: Scope | 'credentials' | 'public';
  params?: z.ZodObject & z.ZodType<Params>;
  query?: z.ZodObject & z.ZodType<Query>;
  /** Named as the document shall show them; handlers get them by these names. */
  headers?: z.ZodObject & z.ZodType<Headers>;
  body?: z.ZodType<Body>;
  /** What the body may be sent as; JSON, if nothing else is said. */
  bodyTypes?: readonly string[];
  /** True: a request without a body counts as one with an empty object. */
  bodyOptional?: true;
  /** Named variants of the body, for the document. */
  bodyExamples?: Record<string, { summary: string; value: unknown }>;
  /** The answers that are no errors. */
  answers: Record<
    number,
    {
      description: string;
      /** Of a body of JSON. */
      schema?: z.ZodType;
      /** In place of a body: server-sent events, by their `event:`. */
      events?: Record<string, EventKind>;
      headers?: Record<string, string>;
    }
  >;
  /** False for an operation that answers whatever the databases do: it has no `unavailable`. */
  needsStorage?: false;
  /** The errors beyond those that follow from having params, a query, headers or a body. */
  errors?: ErrorCode[];
  handle: (input: Input<Params, Query, Body, Headers>, dependencies: ApiDependencies) => Promise<Answer>;
}

/** What a body is sent as, unless its operation says otherwise. */
export const JSON_TYPES: readonly string[] = ['application/json'];

/** Whether a request only reads, for the limit that it counts for. */
export const isRead = ({ access, method }: Operation): boolean =>
  method === 'get' || access.endsWith(':read');

/** Declares an operation; the handler's input has the types of the schemas. */
export function operation<Params, Query, Body, Headers, M extends Method, Path extends string>(
  definition: Operation<Params, Query, Body, Headers, M, Path>,
): Operation<unknown, unknown, unknown, unknown, M, Path> {
  return definition as unknown as Operation<unknown, unknown, unknown, unknown, M, Path>;
}

/** The errors that an operation can answer: its own, and those that follow from its shape. */
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
