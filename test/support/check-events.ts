import { fromRunner } from './environment.ts';
import { readServedDocument } from './served-document.ts';

/** Tells what the OpenAPI document says against an event of a stream of runs; undefined: nothing. */
export type EventCheck = (
  event: string | undefined,
  id: string | undefined,
  data: string,
) => string | undefined;

const PLACE = ['paths', '/runs/stream', 'get', 'responses', '200', 'content', 'text/event-stream'];

/** Reads the document, and makes a check from it: by `x-events`, and by the one schema that all events must fit. */
export function createEventCheck(): EventCheck {
  const { paths, validatorAt, wordsFor } = readServedDocument(fromRunner('folder'));
  const content = paths['/runs/stream']?.['get']?.responses['200']?.content?.['text/event-stream'];
  const kinds = content?.['x-events'] ?? {};
  const ofAll = validatorAt([...PLACE, 'schema']);
  if (!ofAll) throw new Error('the document has no schema for events');
  return (event, id, data) => {
    const reference = event === undefined ? undefined : kinds[event]?.$ref;
    if (reference === undefined) return `the document knows no event "${event}"`;
    if ((event === 'run') !== (id !== undefined)) return `"${event}" has the id ${id}`;
    const ofKind = validatorAt(reference.slice('#/'.length).split('/'));
    if (!ofKind) return `nothing is at ${reference}`;
    const value: unknown = JSON.parse(data);
    for (const validate of [ofKind, ofAll])
      if (!validate(value)) return `"${event}": ${wordsFor(validate.errors)} in ${data}`;
    return undefined;
  };
}
