import { createServer, type AddressInfo, type Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';

// Created in advance, because this takes seconds in which no other request is answered.
const GZIP_BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024));
const BROTLI_BOMB = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024, 'z'));

/** Kinds of bad answers, by path. Each handles the whole connection. */
const MISBEHAVIOURS: Record<string, (socket: Socket) => void> = {
  '/reset': (socket) => void socket.resetAndDestroy(),
  '/hang-up': (socket) => void socket.end(),
  '/silence': () => undefined,
  '/no-http': (socket) => void socket.end('220 mail.example ESMTP\r\n'),
  '/half': (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
  '/half-chunk': (socket) =>
    void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf'),
  '/bad-chunk': (socket) => void socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
  '/two-lengths': (socket) =>
    void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
  '/endless-headers': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    pour(socket, 'X-More: and more\r\n'.repeat(1_000));
  },
  '/endless-informational': (socket) => pour(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(100)),
  '/endless-body': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n');
    pour(socket, 'x'.repeat(65_536));
  },
  '/endless-error': (socket) => {
    socket.write('HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n');
    pour(socket, `10000\r\n${'y'.repeat(65_536)}\r\n`);
  },
  '/drip-headers': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
    drip(socket);
  },
  '/drip-body': (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n');
    drip(socket);
  },
  '/gzip-bomb': (socket) =>
    void socket.end(
      Buffer.concat([
        Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n`),
        GZIP_BOMB,
      ]),
    ),
  '/brotli-bomb': (socket) =>
    void socket.end(
      Buffer.concat([
        Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\n\r\n`),
        BROTLI_BOMB,
      ]),
    ),
  '/cut-brotli': (socket) => {
    const body = brotliCompressSync(Array.from({ length: 5_000 }, (_, index) => index).join(' '));
    const head = `HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: ${body.length}\r\n\r\n`;
    socket.end(Buffer.concat([Buffer.from(head), body.subarray(0, body.length / 2)]));
  },
  '/binary': (socket) =>
    void socket.end(
      'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\n\x89PNG',
      'latin1',
    ),
  '/odd-text': (socket) =>
    void socket.end(
      Buffer.from(
        'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\na\0b\xff\ud83d',
        'latin1',
      ),
    ),
  '/lying-type': (socket) =>
    void socket.end('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{{{{{'),
  '/bad-retry-after': (socket) =>
    void socket.end('HTTP/1.1 429 Slow down\r\nRetry-After: -1e999\r\nContent-Length: 0\r\n\r\n'),
};

const refuse = (socket: Socket) => void socket.end('HTTP/1.1 400 Bad request\r\nContent-Length: 0\r\n\r\n');

/** Writes as long as the other side reads. */
function pour(socket: Socket, text: string): void {
  const more = () => {
    while (socket.writable && socket.write(text));
  };
  socket.on('drain', more);
  more();
}

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('.'), 50);
  socket.on('close', () => clearInterval(timer));
}

/** A target that misbehaves. */
export interface HostileReceiver {
  port: number;
  /** The total number of sent bytes. */
  bytesSent: () => number;
  stop: () => Promise<void>;
}

/** Starts a target that misbehaves on a port of the loopback address. */
export function startHostileReceiver(): Promise<HostileReceiver> {
  const sockets = new Set<Socket>();
  let sentAndGone = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sentAndGone += socket.bytesWritten;
      sockets.delete(socket);
    });
    socket.once('data', (data) => {
      const path = / (\/[a-z-]*)/.exec(data.toString('latin1'))?.[1] ?? '';
      (MISBEHAVIOURS[path] ?? refuse)(socket);
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        bytesSent: () => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, sentAndGone),
        stop: () => {
          for (const socket of sockets) socket.destroy();
          return new Promise((stopped) => void server.close(() => stopped()));
        },
      }),
    );
  });
}
