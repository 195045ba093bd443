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
  let lastOutput: string | undefined;
  void process.exited.then((exit) => (lastOutput = exit.lastOutput));
  await waitFor(`${what} to be up, or to end`, async () => lastOutput !== undefined || (await probe()));
  if (lastOutput !== undefined) throw new Error(`${what} did not start: ${String(lastOutput)}`);
}
