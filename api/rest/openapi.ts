import { OpenAPIRegistry, OpenApiGeneratorV31, type ResponseConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import type { ErrorCode } from '../../domain/errors.ts';
import { describeEvents } from './describe-events.ts';
import { queryOf } from './namespace.ts';
import { errorsOf, JSON_TYPES, type Operation } from './operation.ts';
import { Problem, PROBLEMS, toProblem } from './problem.ts';
import { SchedulerError } from '../../domain/errors.ts';

const SECURITY_SCHEMES = {
  apiKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'sched_live_…',
    description:
      'An API key, created by `npm run keys` or `POST /api-keys`. It belongs to a namespace and has scopes; each operation names the scope that it needs.',
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A JSON Web Token from the issuer that this installation trusts.',
  },
} as const;

/** The OpenAPI 3.1 document, generated from the schemas that also validate requests. */
export function createOpenApiDocument(operations: readonly Operation[], version: string) {
  const registry = new OpenAPIRegistry();
  for (const [name, scheme] of Object.entries(SECURITY_SCHEMES))
    registry.registerComponent('securitySchemes', name, scheme);
  for (const operation of operations) {
    const {
      method,
      path,
      operationId,
      summary,
      description,
      tag,
      access,
      params,
      headers,
      body,
      bodyTypes,
      bodyOptional,
      bodyExamples,
    } = operation;
    const query = queryOf(operation);
    registry.registerPath({
      method,
      path,
      operationId,
      summary,
      ...(description ? { description } : {}),
      tags: [tag],
      // In OpenAPI 3.1, schemes other than OAuth can name scopes too.
      security:
        access === 'public'
          ? []
          : Object.keys(SECURITY_SCHEMES).map((name) => ({
              [name]: access === 'credentials' ? [] : [access],
            })),
      request: {
        ...(params ? { params } : {}),
        ...(query ? { query } : {}),
        ...(headers ? { headers } : {}),
        ...(body
          ? {
              body: {
                required: bodyOptional !== true,
                content: Object.fromEntries(
                  (bodyTypes ?? JSON_TYPES).map((type) => [
                    type,
                    { schema: body, ...(bodyExamples ? { examples: bodyExamples } : {}) },
                  ]),
                ),
              },
            }
          : {}),
      },
      responses: { ...errorResponses(operation), ...answerResponses(operation) },
    });
  }
  // Events refer to the schemas of their data by name alone, so these are registered here.
  const eventSchemas = operations
    .flatMap(({ answers }) => Object.values(answers))
    .flatMap(({ events }) => Object.values(events ?? {}))
    .map(({ data }) => ({ type: 'schema' as const, schema: data }));
  return new OpenApiGeneratorV31([...registry.definitions, ...eventSchemas]).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Durable job scheduler',
      version,
      description:
        'POST a job: a schedule and a target to call. It fires on time, once per occurrence, whatever process dies in between.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the document, so that it holds behind a gateway too.
    servers: [{ url: '.' }],
    tags: [
      { name: 'Jobs', description: 'Schedules with a target to call.' },
      { name: 'Schedules', description: 'Previews of schedules.' },
      { name: 'Runs', description: 'Executions of jobs.' },
      { name: 'API keys', description: 'Credentials for this API.' },
      { name: 'Access', description: 'The identity and scopes of a caller.' },
      { name: 'Health', description: 'Liveness and readiness probes.' },
    ],
  });
}

function answerResponses({ answers }: Operation): Record<string, ResponseConfig> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, schema, events, headers }]) => [
      status,
      {
        description,
        ...(schema ? { content: { 'application/json': { schema } } } : {}),
        ...(events ? { content: { 'text/event-stream': describeEvents(events) } } : {}),
        ...(headers
          ? {
              headers: Object.fromEntries(
                Object.entries(headers).map(([name, text]) => [
                  name,
                  { description: text, schema: { type: 'string' as const } },
                ]),
              ),
            }
          : {}),
      },
    ]),
  );
}

function errorResponses(operation: Operation): Record<string, ResponseConfig> {
  const all = errorsOf(operation);
  const responses: Record<string, ResponseConfig> = {};
  for (const status of new Set(all.map((code) => PROBLEMS[code].status))) {
    if (status in operation.answers) continue;
    const codes = all.filter((code) => PROBLEMS[code].status === status);
    responses[status] = {
      description: codes.map((code) => PROBLEMS[code].title).join('; '),
      content: {
        'application/problem+json': {
          schema: Problem,
          examples: Object.fromEntries(
            codes.map((code) => [code, { value: exampleOf(code, operation.path) }]),
          ),
        },
      },
      ...(codes.some((code) => PROBLEMS[code].retryAfterSeconds !== undefined)
        ? { headers: z.object({ 'Retry-After': z.string().optional().meta({ description: 'Seconds.' }) }) }
        : {}),
    };
  }
  return responses;
}

function exampleOf(code: ErrorCode, path: string): Problem {
  const error = new SchedulerError(code, `${PROBLEMS[code].title}.`);
  return toProblem(error, { path, id: '0d9f8c5e-3c0e-4a53-8d8e-0c5a3f0f5b1e' });
}
