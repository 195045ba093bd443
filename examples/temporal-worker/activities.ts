import { appendFile } from 'node:fs/promises';
import { Context } from '@temporalio/activity';

/** The file to which this example appends. Your activities would send mail, or write to a database. */
const REPORTS_FILE = process.env['REPORTS_FILE'] ?? 'reports.log';

export interface Report {
  report: string;
  /** From the job's `{{scheduledAt}}`. */
  due: string;
  /** From the job's `{{runId}}`: the same for every attempt of a run, so that a report is not sent twice. */
  run: string;
}

/** Makes a report. It can run twice if a worker dies, so it must be safe to repeat. */
export async function makeReport({ report, due }: Report): Promise<string> {
  return `${report} of ${due}`;
}

/** Sends a report. A job can also call it directly, with a target of the type `activity`. */
export async function sendReport({ report, due, run }: Report): Promise<{ sent: string }> {
  // Heartbeats let Temporal notice a dead worker early: see `heartbeatTimeout` of the target.
  Context.current().heartbeat();
  await appendFile(REPORTS_FILE, `${JSON.stringify({ report, due, run })}\n`);
  return { sent: report };
}
