/** Makes the same call as a job of the service. @throws Error for an error status, so that Temporal retries */
export async function callTarget(url: string, scheduledAt: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'x-scheduler-scheduled-at': scheduledAt } });
  await response.text();
  if (!response.ok) throw new Error(`the target answered ${response.status}`);
}
