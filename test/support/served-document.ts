import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { DOCUMENT_FILE } from './environment.ts';

interface OperationObject {
  responses: Record<string, { content?: Record<string, object> } | undefined>;
}

/** The OpenAPI document of the API under test. */
export interface ServedDocument {
  paths: Record<string, Record<string, OperationObject>>;
  /** The validator of the schema at a JSON pointer, given as its keys; undefined if there is none. */
  validatorAt: (keys: string[]) => ValidateFunction | undefined;
  /** Formats validation errors. */
  wordsFor: (errors: ValidateFunction['errors']) => string;
}

const escape = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** Reads the document from the folder of the test runner. */
export function readServedDocument(folder: string): ServedDocument {
  const document = JSON.parse(readFileSync(path.join(folder, DOCUMENT_FILE), 'utf8')) as {
    paths: ServedDocument['paths'];
  };
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi.json');
  return {
    paths: document.paths,
    validatorAt: (keys) => ajv.getSchema(`openapi.json#/${keys.map(escape).join('/')}`),
    wordsFor: (errors) => ajv.errorsText(errors),
  };
}
