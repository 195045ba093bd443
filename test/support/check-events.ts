import { fromRunner } from './environment.ts';
import { readServedDocument } from './served-document.ts';

/** A parsed server-sent event. */
interface ParsedEvent {
  id?: string | undefined;
  event?: string | undefined;
  data: string;
}

interface EventSchema {
  properties: { event: { enum: string[] }; data: { contentSchema: { $ref: string } } };
}

const PLACE = ['paths', '/runs/stream', 'get', 'responses', '200', 'content', 'text/event-stream', 'schema'];

/** Reads the document. Returns a check of an event of the run stream, which returns the error, or undefined. */
export function createEventCheck(): (event: ParsedEvent) => string | undefined {
  const { validatorAt, wordsFor } = readServedDocument(fromRunner('folder'));
  const ofEvents = validatorAt(PLACE);
  if (!ofEvents) throw new Error('the document has no schema for events');
  const { anyOf: kinds } = ofEvents.schema as { anyOf: EventSchema[] };
  return (event) => {
    const shown = JSON.stringify(event);
    // JSON drops undefined fields.
    if (!ofEvents(JSON.parse(shown))) return `${wordsFor(ofEvents.errors)} in ${shown}`;
    const kind = kinds.find(({ properties }) => properties.event.enum[0] === event.event);
    const reference = kind?.properties.data.contentSchema.$ref ?? '';
    const ofData = validatorAt(reference.slice('#/'.length).split('/'));
    if (!ofData) return `the document has no schema for the data of ${shown}`;
    return ofData(JSON.parse(event.data)) ? undefined : `${wordsFor(ofData.errors)} in ${shown}`;
  };
}
