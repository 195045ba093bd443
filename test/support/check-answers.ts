import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { DOCUMENT_FILE, VARIABLES } from './environment.ts';

// Before every file of tests: each answer of the API that a test gets by fetch is checked against the OpenAPI document.
// An answer that the document does not describe fails the test that got it.

interface OperationObject {
  responses: Record<string, { content?: Record<string, object> } | undefined>;
}

const folder = process.env[VARIABLES.folder];
if (folder) {
  const check = createCheck(JSON.parse(readFileSync(path.join(folder, DOCUMENT_FILE), 'utf8')) as Document);
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init);
    // By this header one knows the API from the targets and proxies of the tests.
    if (response.headers.has('x-request-id'))
      await check(new URL(response.url).pathname, init?.method ?? 'GET', response);
    return response;
  };
}

interface Document {
  paths: Record<string, Record<string, OperationObject>>;
}

function createCheck(document: Document) {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi.json');
  // Fixed paths come before those with parameters: /runs/stream is no run.
  const templates = Object.keys(document.paths)
    .sort((one, other) => Number(one.includes('{')) - Number(other.includes('{')))
    .map((template) => ({ template, pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`) }));
  const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

  return async (pathname: string, method: string, response: Response): Promise<void> => {
    const template = templates.find(({ pattern }) => pattern.test(pathname))?.template;
    const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
    // Of what is no operation, the document says nothing.
    if (template === undefined || !operation) return;
    const name = `${method} ${template}`;
    const described = operation.responses[response.status];
    if (!described) throw new Error(`${name} answered ${response.status}, which the document does not know`);
    const type = response.headers.get('content-type')?.split(';')[0] ?? '';
    if (!described.content) {
      if (type !== '')
        throw new Error(`${name} answered ${response.status} with a body, unlike the document`);
      return;
    }
    if (!(type in described.content))
      throw new Error(`${name} answered ${response.status} as ${type}, unlike the document`);
    if (type === 'text/event-stream') return;
    const pointer = [
      'paths',
      template,
      method.toLowerCase(),
      'responses',
      String(response.status),
      'content',
      type,
    ];
    const validate = ajv.getSchema(`openapi.json#/${[...pointer, 'schema'].map(escape).join('/')}`);
    if (!validate) throw new Error(`${name}: the document has no schema for ${response.status}`);
    // Copied only here: of a stream, the half that nobody reads would pile up.
    const body = await response.clone().text();
    if (!validate(JSON.parse(body)))
      throw new Error(
        `${name} answered ${response.status} unlike the document: ${ajv.errorsText(validate.errors)} in ${body}`,
      );
  };
}
