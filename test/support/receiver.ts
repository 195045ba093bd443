import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A received call. */
interface ReceivedCall {
  at: number;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  bytes: Buffer;
}

/** Answers a call. The default is 200 with "ok". */
type Respond = (call: ReceivedCall, response: ServerResponse) => void;

/** A target that remembers every call. */
export interface Receiver {
  url: string;
  calls: ReceivedCall[];
  callsTo: (path: string) => ReceivedCall[];
  /** Sets the answer of a path. */
  respond: (path: string, respond: Respond) => void;
  stop: () => Promise<void>;
}

/** Starts a target on a free port of the loopback address. */
export function startReceiver(): Promise<Receiver> {
  const calls: ReceivedCall[] = [];
  const responders = new Map<string, Respond>();
  const server = createServer((request, response) => {
    const at = Date.now();
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const path = request.url ?? '';
      const call = {
        at,
        method: request.method ?? '',
        path,
        headers: request.headers,
        body: bytes.toString(),
        bytes,
      };
      calls.push(call);
      const respond = responders.get(path);
      if (respond) respond(call, response);
      else response.end('ok');
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        calls,
        callsTo: (path) => calls.filter((call) => call.path === path),
        respond: (path, respond) => void responders.set(path, respond),
        stop: () => new Promise((stopped) => void server.close(() => stopped()).closeAllConnections()),
      }),
    );
  });
}
