import { appendFile } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

/** Where this example writes down what it did; your activities would send mail, or write to a database. */
const LEDGER = process.env['LEDGER'] ?? 'reports.log';

export interface Report {
  report: string;
  /** From the job's `{{scheduledAt}}`. */
  due: string;
  /** From the job's `{{runId}}`: the same for every attempt of a run, so that a report is not sent twice. */
  run: string;
}

/** Makes a report. It may run again after a crash, so what it does can be repeated. */
export async function makeReport({ report, due }: Report): Promise<string> {
  return `${report} of ${due}`;
}

/** Sends a report. A job can call it by itself, too, as a target of the type `activity`. */
export async function sendReport({ report, due, run }: Report): Promise<{ sent: string }> {
  // With a heartbeat a worker that dies is noticed early: see `heartbeatTimeout` of the target.
  Context.current().heartbeat();
  await appendFile(LEDGER, `${JSON.stringify({ report, due, run })}\n`);
  return { sent: report };
}
