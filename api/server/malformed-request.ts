import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SchedulerError } from '../../domain/errors.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';
import { PROBLEMS, toProblem } from '../rest/problem.ts';

/** A client may go on sending for so long after it was refused, and read why. */
const LINGER_MS = SECOND_MS;

/** Answers what never became a request, as every other error is answered, and closes the connection. */
export function refuseMalformedRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  // Node keeps the answer that is under way there; a second one would be read as part of it.
  const { _httpMessage: begun } = socket as Socket & { _httpMessage?: ServerResponse };
  const isShakingHands = socket instanceof TLSSocket && socket.getProtocol() === null;
  if (isShakingHands || !socket.writable || error.code === 'ECONNRESET' || begun?.headersSent === true) {
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
    // What is still arriving of a request that was answered so must not be carried out.
    () => refusal.code === 'request_timeout' && socket.destroy(),
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

function toRefusal(error: NodeJS.ErrnoException): SchedulerError {
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return new SchedulerError('headers_too_large', 'The headers are larger than 16 KiB.');
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new SchedulerError('request_timeout', 'The request took too long to arrive.');
  return new SchedulerError('not_http', 'The request can not be read as HTTP/1.1.');
}
