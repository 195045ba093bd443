import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { types } from 'node:util';

/** A request as it is sent. */
export interface OutgoingRequest {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | null;
}

/** The response of a target: its head, and the beginning of its body. */
export interface HttpResponse {
  statusCode: number;
  /** Names in lower case. A value has one character for each byte (Latin-1). */
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Why the body is incomplete, if it is. */
  fault?: Error;
}

/** A longer body is cut off. */
export const MAX_BODY_BYTES = 64 * 1_024;

/** Gateways with single sign-on send tens of kilobytes of headers. Browsers accept 256 KiB. */
export const MAX_HEADER_BYTES = 256 * 1_024;

/** An exchange failed, with a message for people. */
export class ExchangeError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ExchangeError';
  }
}

const STATUSES_WITHOUT_CONTENT = [204, 205, 304];

/**
 * Tells whether a response can have a body, whatever its headers say (RFC 9110, 6.4.1, 8.6 and 15.3.6).
 * Pure.
 */
const hasContent = (method: string, statusCode: number) =>
  method !== 'HEAD' && !STATUSES_WITHOUT_CONTENT.includes(statusCode);

/** The error with which a signal was aborted. */
export const abortReason = (signal: AbortSignal): Error =>
  types.isNativeError(signal.reason) ? signal.reason : new ExchangeError('the call was broken off');

/** Collects a body. */
function createBodyBuffer() {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    /** Adds a chunk. False once the buffer is full. */
    add(chunk: Buffer): boolean {
      chunks.push(chunk);
      size += chunk.length;
      return size <= MAX_BODY_BYTES;
    },
    read: () => Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES),
  };
}

/**
 * Sends a request in HTTP/1.1, reads the response, and closes the connection. Connections are not
 * reused: a target may close an idle one at any moment, and nobody knows then whether it got the
 * request.
 * @throws Error if there is no complete head; a response whose body is incomplete has a `fault`
 */
export function sendHttp1(
  socket: Duplex,
  { method, body, headers }: OutgoingRequest,
  { path, host }: { path: string; host: string },
  signal: AbortSignal,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const buffer = createBodyBuffer();
    let incoming: IncomingMessage | undefined;

    const end = (fault?: Error) => {
      signal.removeEventListener('abort', onAbort);
      // Passes what has arrived to the listener below.
      if (fault) incoming?.read();
      socket.destroy();
      if (!incoming) return reject(fault ?? new ExchangeError('the target sent no answer'));
      const { statusCode = 0 } = incoming;
      resolve({ statusCode, headers: incoming.headers, body: buffer.read(), ...(fault ? { fault } : {}) });
    };
    const onAbort = () => end(abortReason(signal));
    const onProtocolSwitch = () =>
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
    // Not limited: maxHeaderSize limits their size.
    outgoing.maxHeadersCount = 0;
    outgoing
      .once('response', (response) => {
        if (response.statusCode === 101) return onProtocolSwitch();
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
      .once('upgrade', onProtocolSwitch)
      // Bytes after the end of the response do not belong to it.
      .on('error', (error) => void (incoming?.complete || end(error)))
      .once('close', () => void (incoming || end()));
    socket.on('error', () => undefined);

    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    outgoing.end(body ?? undefined);
  });
}
