import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import type { Database } from '../db/database.ts';
import type { ErrorCode } from '../domain/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Outage } from '../platform/outage.ts';

/** What handlers work with. */
export interface ApiDependencies {
  db: Database;
  temporal: Client;
  /** Whether Temporal is away, as this process knows it. */
  outage: Outage;
  taskQueue: string;
  logger: Logger;
  /** Where the Temporal Web UI is, if it is known. */
  temporalUiUrl: string | undefined;
  /** The clock, so that a test can bring its own. */
  now: () => Date;
}

/** What a handler answers. */
interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** A handler's input, as its operation's schemas have parsed it. */
interface Input<Params, Query, Body> {
  params: Params;
  query: Query;
  body: Body;
  /** The request's own path and query, to build links from. */
  url: URL;
}

/** One operation of the API: the router, the validation and the OpenAPI document are all made from it. */
export interface Operation<Params = unknown, Query = unknown, Body = unknown> {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/jobs/{id}`. */
  path: string;
  operationId: string;
  summary: string;
  description?: string;
  tag: string;
  params?: z.ZodObject & z.ZodType<Params>;
  query?: z.ZodObject & z.ZodType<Query>;
  body?: z.ZodType<Body>;
  /** True: a request without a body counts as one with an empty object. */
  bodyOptional?: true;
  /** Named variants of the body, for the document. */
  bodyExamples?: Record<string, { summary: string; value: unknown }>;
  /** The answers that are no errors. */
  answers: Record<number, { description: string; schema?: z.ZodType; headers?: Record<string, string> }>;
  /** False for an operation that answers whatever the databases do: it has no `unavailable`. */
  needsStorage?: false;
  /** The errors beyond those that follow from having params, a query or a body. */
  errors?: ErrorCode[];
  handle: (input: Input<Params, Query, Body>, dependencies: ApiDependencies) => Promise<Answer>;
}

/** Declares an operation; the handler's input has the types of the schemas. */
export function operation<Params, Query, Body>(definition: Operation<Params, Query, Body>): Operation {
  return definition as unknown as Operation;
}

/** The errors that an operation can answer: its own, and those that follow from its shape. */
export function errorsOf(definition: Operation): ErrorCode[] {
  const errors = new Set<ErrorCode>(definition.errors);
  if (definition.params || definition.query || definition.body) errors.add('invalid');
  if (definition.body)
    for (const code of ['not_json', 'body_too_large', 'unsupported_media_type'] as const) errors.add(code);
  errors.add('internal');
  if (definition.needsStorage !== false) errors.add('unavailable');
  return [...errors];
}
