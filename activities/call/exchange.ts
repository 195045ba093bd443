import { types } from 'node:util';

/** A request as it goes out. */
export interface OutgoingRequest {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | Uint8Array | null;
}

/** What a target answered: its head, and as much of its body as is wanted. */
export interface Answer {
  statusCode: number;
  /** Names in lower case. A value holds one character for each byte, as Latin-1 has it. */
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
  /** Why the body did not come to its end, if it did not. */
  fault?: Error;
}

/** An answer is read so far; a longer body is cut off. */
export const MAX_BODY_BYTES = 64 * 1_024;

/** Gateways with single sign-on send tens of kilobytes of headers; browsers take 256 KiB. */
export const MAX_HEADER_BYTES = 256 * 1_024;

/** Said in words already. */
export class ExchangeError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'ExchangeError';
  }
}

const STATUSES_WITHOUT_CONTENT = [204, 205, 304];

/** Tells whether an answer can have a body, whatever its headers say (RFC 9110, 6.4.1, 8.6 and 15.3.6). Pure. */
export const hasContent = (method: string, statusCode: number) =>
  method !== 'HEAD' && !STATUSES_WITHOUT_CONTENT.includes(statusCode);

/** Why a signal was aborted. */
export const reasonOf = (signal: AbortSignal): Error =>
  types.isNativeError(signal.reason) ? signal.reason : new ExchangeError('the call was broken off');

/** Gathers a body. */
export function createBodyBuffer() {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    /** Tells whether more is wanted. */
    add(chunk: Buffer): boolean {
      chunks.push(chunk);
      size += chunk.length;
      return size <= MAX_BODY_BYTES;
    },
    read: () => Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES),
  };
}
