/**
 * A statement that stores or changes jobs, together with the revision that each new generation must have
 * (db/migrations/0018-audit-log.ts).
 */
export const withRevisions = (statement: string): string => `
  WITH stored AS (${statement} RETURNING jobs.id, jobs.generation)
  INSERT INTO job_revisions (job_id, generation, at, by, action, changes)
  SELECT id, generation, now(), 'test', 'changed', '{}' FROM stored`;
