import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SchedulerError } from '../../domain/errors.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { PROBLEMS, toProblem } from '../rest/problem.ts';

/** After the refusal, the connection stays open this long, so that the client can read the answer. */
const LINGER_MS = SECOND_MS;

/** Answers data that is no valid HTTP request with a problem, as every other error, and closes the connection. */
export function refuseMalformedRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  // The response in flight on the socket, in Node's internal field. A second answer would corrupt it.
  const { _httpMessage: inFlight } = socket as Socket & { _httpMessage?: ServerResponse };
  const isInHandshake = socket instanceof TLSSocket && socket.getProtocol() === null;
  if (isInHandshake || !socket.writable || error.code === 'ECONNRESET' || inFlight?.headersSent === true) {
    socket.destroy();
    return;
  }
  const refusal = toRefusal(error);
  const { status } = PROBLEMS[refusal.code];
  const id = randomUUID();
  const body = JSON.stringify(toProblem(refusal, { path: '', id }));
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${id}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
    // The rest of a request that was too slow must not be executed.
    () => refusal.code === 'request_timeout' && socket.destroy(),
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function toRefusal(error: NodeJS.ErrnoException): SchedulerError {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return new SchedulerError('headers_too_large', 'The headers are larger than 16 KiB.');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new SchedulerError('request_timeout', 'The request took too long to arrive.');
  return new SchedulerError('not_http', 'The request is not valid HTTP/1.1.');
}
