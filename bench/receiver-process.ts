import { startProcess } from './process.ts';
import type { ReceivedCall } from './receiver.ts';

/** The target of all jobs, which is a separate process. */
export interface ReceiverProcess {
  /** The URL for a job of a group. */
  urlOf: (group: string, id: string) => string;
  /** The number of received calls of a group. */
  count: (group: string) => Promise<number>;
  calls: (group: string) => Promise<ReceivedCall[]>;
  forget: (group: string) => Promise<void>;
  stop: () => Promise<void>;
}

/** Starts the target. Its log goes to `folder`. */
export async function startReceiver(folder: string): Promise<ReceiverProcess> {
  const { port, stop } = await startProcess('receiver', ['--import', 'tsx', 'bench/receiver.ts'], folder);
  const url = `http://127.0.0.1:${port}`;
  const ask = async <Answer>(path: string, method = 'GET') =>
    (await (await fetch(url + path, { method })).json()) as Answer;
  return {
    urlOf: (group, id) => `${url}/${group}/${id}`,
    count: (group) => ask(`/${group}?count`),
    calls: (group) => ask(`/${group}`),
    forget: async (group) => void (await ask(`/${group}`, 'DELETE')),
    stop,
  };
}
