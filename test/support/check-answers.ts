import { VARIABLES } from './environment.ts';
import { readServedDocument } from './served-document.ts';

// Runs before every test file: checks each answer of the API that a test gets by fetch against the OpenAPI document.
// An answer that the document does not describe fails the test that got it.

const folder = process.env[VARIABLES.folder];
if (folder) {
  const check = createCheck(folder);
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    const response = await fetch(input, init);
    // This header distinguishes the API from the targets and proxies of the tests.
    if (response.headers.has('x-request-id'))
      await check(new URL(response.url).pathname, init?.method ?? 'GET', response);
    return response;
  };
}

function createCheck(folder: string) {
  const document = readServedDocument(folder);
  // Fixed paths come before those with parameters: /runs/stream is not a run.
  const templates = Object.keys(document.paths)
    .sort((one, other) => Number(one.includes('{')) - Number(other.includes('{')))
    .map((template) => ({ template, pattern: new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`) }));
  return async (pathname: string, method: string, response: Response): Promise<void> => {
    const template = templates.find(({ pattern }) => pattern.test(pathname))?.template;
    const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
    // The document only describes operations.
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
    // test/support/follow-runs.ts checks its events.
    if (type === 'text/event-stream') return;
    const validate = document.validatorAt([
      'paths',
      template,
      method.toLowerCase(),
      'responses',
      String(response.status),
      'content',
      type,
      'schema',
    ]);
    if (!validate) throw new Error(`${name}: the document has no schema for ${response.status}`);
    // Cloned only here: the unread half of a cloned stream would fill the memory.
    const body = await response.clone().text();
    if (!validate(JSON.parse(body)))
      throw new Error(
        `${name} answered ${response.status} unlike the document: ${document.wordsFor(validate.errors)} in ${body}`,
      );
  };
}
