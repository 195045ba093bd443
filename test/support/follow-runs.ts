/** A server-sent event as it arrived. */
interface ReceivedEvent {
  id: string;
  event: string;
  data: unknown;
}

/** A client that follows runs. */
export interface Follower {
  events: ReceivedEvent[];
  /** The last id that it was given, with an event or without. */
  readonly lastEventId: string;
  /** Resolves when the stream has ended, from either side. */
  ended: Promise<void>;
  close: () => void;
}

/** Follows runs as a browser's EventSource would (HTML standard, 9.2.6). Resolves when the stream has begun. */
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
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const read = async () => {
    let rest = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const blocks = (rest + part.value).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        ) as Record<string, string>;
        last = fields['id'] ?? last;
        if (fields['data'] === undefined) continue;
        events.push({ id: last, event: fields['event'] ?? 'message', data: JSON.parse(fields['data']) });
      }
    }
  };
  const ended = read().catch(() => undefined);
  return {
    events,
    get lastEventId() {
      return last;
    },
    ended,
    close: () => abort.abort(),
  };
}
