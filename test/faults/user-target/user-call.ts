/** The task queue of the worker of a user. */
export const USER_TASK_QUEUE = 'bench-user';

/** The argument of the workflow and the activity: a call of the target, with the placeholders filled in. */
export interface UserCall {
  url: string;
  job: string;
  run: string;
  scheduledAt: string;
  attempt: string;
  token: string;
}
