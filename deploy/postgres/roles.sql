-- The rights of two roles, which exist already: scheduler_api for the API and npm run keys, scheduler_worker for the
-- workers. Run it as the owner of the tables, after npm run migrate, once and again after each upgrade (docs/postgres.md).
-- Neither role owns a table, so neither can switch off the triggers that write and guard the audit log.
BEGIN;

GRANT USAGE ON SCHEMA public TO scheduler_api, scheduler_worker;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM scheduler_api, scheduler_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO scheduler_api, scheduler_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO scheduler_api, scheduler_worker;

-- Both create and change jobs, runs and their records. A row of the audit log is written by triggers only.
GRANT INSERT, UPDATE, DELETE ON jobs, job_secrets, runs, run_events, backfills, permits, idempotency_keys, deferrals,
  rate_limits, reconciler TO scheduler_worker;
GRANT INSERT, UPDATE, DELETE ON jobs, job_secrets, idempotency_keys, rate_limits TO scheduler_api;
GRANT INSERT, UPDATE ON runs, run_events TO scheduler_api;
GRANT INSERT ON backfills TO scheduler_api;
-- While no worker lives, the API finds the jobs that are late, and calls their hooks.
GRANT UPDATE (holder, lease_until) ON reconciler TO scheduler_api;
GRANT INSERT, UPDATE, DELETE ON deferrals TO scheduler_api;
GRANT UPDATE ON permits TO scheduler_api;
GRANT INSERT, UPDATE, DELETE ON calendars TO scheduler_api;
GRANT INSERT ON calendar_revisions TO scheduler_api;
GRANT INSERT ON job_revisions TO scheduler_api, scheduler_worker;

-- Only the API uses keys, and it changes of a key no more than its use and its revocation.
REVOKE ALL ON api_keys FROM scheduler_worker;
GRANT INSERT, UPDATE (last_used_at, revoked_at, revoked_by, revoke_source) ON api_keys TO scheduler_api;

-- Retention.
GRANT DELETE ON audit_log TO scheduler_worker;

COMMIT;
