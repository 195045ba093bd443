/** Makes the call that a job of the service makes. @throws Error for a bad answer, so that Temporal tries again */
export async function callTarget(url: string, scheduledAt: string): Promise<void> {
  const response = await fetch(url, { method: 'POST', headers: { 'x-scheduler-scheduled-at': scheduledAt } });
  await response.text();
  if (!response.ok) throw new Error(`the target answered ${response.status}`);
}
