import type { LoggedProcess } from '../../local/processes.ts';
import { waitFor } from './wait-for.ts';

/**
 * Resolves when `probe` says that a started process is up.
 * @throws Error with its last output if it ends before, or like `waitFor`
 */
export async function waitForStart(
  what: string,
  process: LoggedProcess,
  probe: () => Promise<boolean> | boolean,
): Promise<void> {
  let lastWords: string | undefined;
  void process.exited.then((exit) => (lastWords = exit.lastWords));
  await waitFor(`${what} to be up, or to end`, async () => lastWords !== undefined || (await probe()));
  if (lastWords !== undefined) throw new Error(`${what} did not start: ${String(lastWords)}`);
}
