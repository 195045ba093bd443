import { createParser } from 'eventsource-parser';
import { createEventCheck } from './check-events.ts';

/** A received server-sent event. */
interface ReceivedEvent {
  id: string;
  event: string;
  data: unknown;
}

/** A client of the run stream. */
export interface Follower {
  events: ReceivedEvent[];
  /** Violations of the OpenAPI document or the HTML standard by events or lines of the stream. */
  faults: string[];
  /** The reconnection time that the stream has sent, in milliseconds. */
  readonly retryMs: number | undefined;
  /** The id of the last event that had one. */
  readonly lastEventId: string;
  /** Resolves when either side has ended the stream. */
  ended: Promise<void>;
  close: () => void;
}

/** Follows runs like the EventSource of a browser (HTML standard, 9.2.6). Resolves when the stream has started. */
export async function followRuns(
  url: string,
  lastEventId = '',
  further: Record<string, string> = {},
): Promise<Follower> {
  const abort = new AbortController();
  const response = await fetch(url, {
    signal: abort.signal,
    headers: {
      accept: 'text/event-stream',
      ...further,
      ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
    },
  });
  const type = response.headers.get('content-type') ?? '';
  if (response.status !== 200 || !type.startsWith('text/event-stream') || !response.body)
    throw new Error(`no stream, but ${response.status} of the type ${type}`);
  const events: ReceivedEvent[] = [];
  let last = lastEventId;
  const faults: string[] = [];
  let retryMs: number | undefined;
  const check = createEventCheck();
  const parser = createParser({
    onEvent: (parsed) => {
      const fault = check(parsed);
      if (fault !== undefined) faults.push(fault);
      const { id, event, data } = parsed;
      last = id ?? last;
      events.push({ id: last, event: event ?? 'message', data: JSON.parse(data) });
    },
    onRetry: (milliseconds) => (retryMs = milliseconds),
    onComment: (comment) => faults.push(`the document knows no comments: ${comment}`),
    onError: ({ message }) => faults.push(message),
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const read = async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) parser.feed(part.value);
  };
  const ended = read().catch(() => undefined);
  return {
    events,
    faults,
    get retryMs() {
      return retryMs;
    },
    get lastEventId() {
      return last;
    },
    ended,
    close: () => abort.abort(),
  };
}
