import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// The target of all jobs, which is a separate process. POST /<group>/<id> is a call, which is answered at once. GET /<group>
// returns the calls of a group; with ?count, their number. DELETE /<group> returns and removes them.

/** A received call. */
export interface ReceivedCall {
  id: string;
  /** In milliseconds since the epoch. */
  arrivedAt: number;
  /** The occurrence that it names. */
  scheduledAt: string;
}

const groups = new Map<string, ReceivedCall[]>();

const server = createServer((request, response) => {
  const arrivedAt = Date.now();
  const [, group = '', id = ''] = /^\/([^/?]+)\/?([^/?]*)/.exec(request.url ?? '') ?? [];
  if (request.method === 'POST') {
    const calls = groups.get(group) ?? [];
    groups.set(group, calls);
    calls.push({ id, arrivedAt, scheduledAt: String(request.headers['x-scheduler-scheduled-at']) });
    request.resume();
    response.end('ok');
    return;
  }
  const calls = groups.get(group) ?? [];
  if (request.method === 'DELETE') groups.delete(group);
  response.end(JSON.stringify(request.url?.endsWith('?count') ? calls.length : calls));
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.once('disconnect', () => process.exit(0));
