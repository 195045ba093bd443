import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from '@jest/globals';
import { createOpenApiDocument } from '../../../../api/rest/openapi.ts';
import { operations } from '../../../../api/routes/index.ts';
import { Job } from '../../../../domain/job/job.ts';
import { Run } from '../../../../domain/run/run.ts';

const document = JSON.parse(JSON.stringify(createOpenApiDocument(operations, '0.0.0'))) as {
  openapi: string;
  paths: Record<string, Record<string, OperationObject>>;
  components: { schemas: Record<string, { example?: unknown }> };
};

interface OperationObject {
  operationId: string;
  summary?: string;
  parameters?: { name: string; in: string; required: boolean; style?: string; explode?: boolean }[];
  requestBody?: {
    content: Record<string, { schema: object; examples?: Record<string, { value: unknown }> }>;
  };
  responses: Record<
    string,
    { description: string; content?: Record<string, { schema: object; examples?: Record<string, unknown> }> }
  >;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addSchema(document, 'openapi.json');

function faultsOf(pointer: string, value: unknown): string {
  const validate = ajv.getSchema(`openapi.json#${pointer}`);
  if (!validate) throw new Error(`no schema at ${pointer}`);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

const all = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    path,
    method,
    operation,
  })),
);
const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

describe('the OpenAPI document', () => {
  test('has version 3.1 and every operation', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(all.map(({ name }) => name)).toEqual([
      'POST /jobs',
      'GET /jobs',
      'GET /jobs/{id}',
      'PUT /jobs/{id}',
      'PATCH /jobs/{id}',
      'DELETE /jobs/{id}',
      'POST /jobs/{id}/pause',
      'POST /jobs/{id}/resume',
      'POST /jobs/{id}/skip',
      'POST /jobs/{id}/unskip',
      'POST /jobs/{id}/run',
      'POST /jobs/{id}/backfill',
      'GET /jobs/{id}/revisions',
      'GET /jobs/{id}/upcoming',
      'GET /upcoming',
      'POST /schedules/preview',
      'GET /jobs/{id}/runs',
      'GET /runs',
      'GET /runs/stream',
      'GET /runs/{id}',
      'POST /runs/{id}/cancel',
      'POST /runs/{id}/retry',
      'POST /calendars',
      'GET /calendars',
      'POST /calendars/import',
      'GET /calendars/{name}',
      'PUT /calendars/{name}',
      'PATCH /calendars/{name}',
      'DELETE /calendars/{name}',
      'GET /calendars/{name}/days',
      'GET /calendars/{name}/revisions',
      'POST /api-keys',
      'GET /api-keys',
      'GET /api-keys/{id}',
      'POST /api-keys/{id}/revoke',
      'GET /access',
      'GET /audit',
      'GET /livez',
      'GET /readyz',
    ]);
  });

  test.each(all)('$name has a summary, an id and statuses with schemas', ({ operation, path }) => {
    expect(operation.summary).toBeTruthy();
    expect(operation.operationId).toBeTruthy();
    expect(operation.responses).toHaveProperty('500');
    if (path.includes('{id}')) {
      expect(operation.responses).toHaveProperty('404');
      expect(operation.responses).toHaveProperty('422');
    }
    for (const [status, response] of Object.entries(operation.responses)) {
      if (status !== '204') expect(Object.keys(response.content ?? {})).toHaveLength(1);
    }
  });

  test.each(all.filter(({ operation }) => operation.requestBody))(
    '$name has request examples that its schema accepts',
    ({ operation, path, method }) => {
      const content = operation.requestBody?.content ?? {};
      expect(Object.keys(content)).toContain('application/json');
      for (const [type, { examples }] of Object.entries(content)) {
        expect(Object.keys(examples ?? {}).length).toBeGreaterThan(0);
        for (const { value } of Object.values(examples ?? {})) {
          const pointer = `/paths/${escape(path)}/${method}/requestBody/content/${escape(type)}/schema`;
          expect(faultsOf(pointer, value)).toBe('');
        }
      }
    },
  );

  test.each(Object.entries(document.components.schemas).filter(([, schema]) => schema.example !== undefined))(
    'the example of %s fits its schema',
    (name, { example }) => {
      expect(faultsOf(`/components/schemas/${name}`, example)).toBe('');
    },
  );

  test('describes the headers of operations', () => {
    const withHeader = (name: string) =>
      all
        .filter(({ operation }) =>
          operation.parameters?.some((one) => one.in === 'header' && one.name === name),
        )
        .map((one) => one.name);
    expect(withHeader('If-Match')).toEqual([
      'PUT /jobs/{id}',
      'PATCH /jobs/{id}',
      'DELETE /jobs/{id}',
      'POST /jobs/{id}/pause',
      'POST /jobs/{id}/resume',
      'POST /jobs/{id}/skip',
      'POST /jobs/{id}/unskip',
      'PUT /calendars/{name}',
      'PATCH /calendars/{name}',
      'DELETE /calendars/{name}',
    ]);
    expect(withHeader('Idempotency-Key')).toEqual([
      'POST /jobs',
      'POST /jobs/{id}/skip',
      'POST /jobs/{id}/run',
      'POST /jobs/{id}/backfill',
      'POST /runs/{id}/retry',
      'POST /calendars',
      'POST /calendars/import',
    ]);
  });

  test('describes that several states of runs are separated by commas', () => {
    for (const path of ['/runs', '/jobs/{id}/runs'])
      expect(document.paths[path]?.['get']?.parameters?.find(({ name }) => name === 'state')).toMatchObject({
        in: 'query',
        required: false,
        style: 'form',
        explode: false,
        schema: { type: 'array', items: { $ref: '#/components/schemas/RunState' } },
      });
  });

  test('names each of several errors that share a status', () => {
    const examplesOf = (path: string, status: string) =>
      Object.keys(
        document.paths[path]?.['post']?.responses[status]?.content?.['application/problem+json']?.examples ??
          {},
      ).sort();
    expect(examplesOf('/jobs', '409')).toEqual(['idempotency_in_flight', 'name_taken', 'too_many_jobs']);
    expect(examplesOf('/jobs/{id}/backfill', '422')).toEqual(['idempotency_mismatch', 'invalid', 'too_many']);
  });

  test('has examples of jobs and runs that the service accepts', () => {
    expect(Job.safeParse(document.components.schemas['Job']?.example).error?.issues).toBeUndefined();
    expect(Run.safeParse(document.components.schemas['Run']?.example).error?.issues).toBeUndefined();
  });
});
