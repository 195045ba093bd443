import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// The target of all jobs, a process of its own. A POST to /<group>/<id> is a call, answered at once; a GET of /<group>
// answers the calls of a group, with ?count how many they are; a DELETE forgets them as well.

/** A call as it arrived. */
export interface ReceivedCall {
  id: string;
  /** In milliseconds of the epoch. */
  arrivedAt: number;
  /** Of which occurrence it says it is. */
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
