import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';
import { formatDuration } from '../../domain/duration.ts';
import { SECOND_MS } from '../../domain/milliseconds.ts';

/** More is cut off. A small body can decode to terabytes. */
const MAX_DECODED_BYTES = 64 * 1_024;
/** Encodings of one body. Real servers use one or two. */
const MAX_ENCODINGS = 5;
/** Decoding takes milliseconds, unless the libuv threads that do it are busy: they resolve names as well. */
const MAX_DECODING_MS = 5 * SECOND_MS;

/** A decoded body, or why it cannot be decoded. */
export type Decoded = { bytes: Buffer; isCut: boolean } | { fault: string };

/**
 * Decodes a body by its Content-Encoding (RFC 9110, 8.4): gzip, deflate, br. Decodes only the
 * beginning, in a libuv thread; of a body that is cut off, as much as there is. Never throws.
 */
export async function decodeContent(body: Buffer, contentEncoding: string): Promise<Decoded> {
  const encodings = contentEncoding
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  if (encodings.length > MAX_ENCODINGS) return { fault: `encoded more than ${MAX_ENCODINGS} times` };
  const signal = AbortSignal.timeout(MAX_DECODING_MS);
  let decoded = { bytes: body, isCut: false };
  for (const name of encodings.reverse()) {
    const create = DECODERS[name];
    const named = `encoded as ${JSON.stringify(name.slice(0, 40))}`;
    if (!create) return { fault: `${named}, which can't be read here` };
    try {
      const { bytes, isCut } = await decode(decoded.bytes, create(decoded.bytes), signal);
      decoded = { bytes, isCut: isCut || decoded.isCut };
    } catch (error) {
      return { fault: `${named}, which can't be decoded: ${(error as Error).message}` };
    }
  }
  return decoded;
}

// One chunk holds everything that is needed, so a decoder is closed after its first step. Node lets few
// decoders work at a time, and those that wait hold no window yet (up to 16 MiB for brotli).
const chunkSize = MAX_DECODED_BYTES;
// With these flushes, a body that ends too early is no error.
const deflate = { chunkSize, finishFlush: constants.Z_SYNC_FLUSH };
const gunzip = () => createGunzip(deflate);

const DECODERS: Record<string, ((body: Buffer) => Transform) | undefined> = Object.assign(
  Object.create(null) as object,
  {
    gzip: gunzip,
    'x-gzip': gunzip,
    // Should be in the zlib format (RFC 1950). Some servers send raw deflate.
    deflate: (body: Buffer) => (beginsAsZlib(body) ? createInflate(deflate) : createInflateRaw(deflate)),
    br: () => createBrotliDecompress({ chunkSize, finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  },
);

const beginsAsZlib = (body: Buffer) =>
  body.length < 2 || ((body.readUInt8(0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0);

function decode(
  body: Buffer,
  decoder: Transform,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; isCut: boolean }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (isCut: boolean) => {
      stop();
      resolve({ bytes: Buffer.concat(chunks).subarray(0, MAX_DECODED_BYTES), isCut });
    };
    const fail = (error: Error) => {
      stop();
      reject(error);
    };
    const onAbort = () => fail(new Error(`it took longer than ${formatDuration(MAX_DECODING_MS)}`));
    const stop = () => {
      signal.removeEventListener('abort', onAbort);
      decoder.destroy();
    };
    decoder
      .on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size >= MAX_DECODED_BYTES) end(true);
      })
      .once('end', () => end(false))
      .on('error', fail);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    decoder.end(body);
  });
}
