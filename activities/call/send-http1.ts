import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  ExchangeError,
  MAX_HEADER_BYTES,
  createBodyBuffer,
  hasContent,
  reasonOf,
  type Answer,
  type OutgoingRequest,
} from './exchange.ts';

/**
 * Sends a request over a connection in HTTP/1.1, reads the answer, and closes the connection: each has one of its own, so
 * that none is lost at a connection that its target has given up, and none is sent twice because it may have been lost.
 * @throws Error if no head of an answer comes; one that is cut off after its head has a `fault`
 */
export function sendHttp1(
  socket: Duplex,
  { method, body, headers }: OutgoingRequest,
  { path, host }: { path: string; host: string },
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const buffer = createBodyBuffer();
    let incoming: IncomingMessage | undefined;

    const end = (fault?: Error) => {
      signal.removeEventListener('abort', onAbort);
      // What has come already is handed out by the listener below.
      if (fault) incoming?.read();
      socket.destroy();
      if (!incoming) return reject(fault ?? new ExchangeError('the target sent no answer'));
      const { statusCode = 0 } = incoming;
      resolve({ statusCode, headers: incoming.headers, body: buffer.read(), ...(fault ? { fault } : {}) });
    };
    const onAbort = () => end(reasonOf(signal));
    const switched = () =>
      end(new ExchangeError('the target answered 101, and wants another protocol that nobody asked for'));

    const outgoing = httpRequest({
      createConnection: () => socket,
      method,
      path,
      setHost: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        host,
        ...headers,
        ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
    });
    // Their size is bounded already.
    outgoing.maxHeadersCount = 0;
    outgoing
      .once('response', (response) => {
        if (response.statusCode === 101) return switched();
        incoming = response;
        if (!hasContent(method, response.statusCode ?? 0)) return end();
        response
          .on('data', (chunk: Buffer) => void (buffer.add(chunk) || end()))
          .once('end', () => end())
          .on('error', end)
          .once('close', () =>
            end(new ExchangeError('the connection was closed before the end of the body')),
          );
      })
      .once('upgrade', switched)
      // What comes after the end of an answer is none of its.
      .on('error', (error) => void (incoming?.complete || end(error)))
      .once('close', () => void (incoming || end()));
    socket.on('error', () => undefined);

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.end(body ?? undefined);
  });
}
