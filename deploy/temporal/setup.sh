#!/bin/sh
# Creates Temporal's two databases, and migrates their schemas to those that are built into this version of
# temporal-sql-tool. Safe to run again, at each start; run it before the servers of a new version start.
# Runs in temporalio/admin-tools. Requires SQL_HOST, SQL_USER and SQL_PASSWORD. temporal-sql-tool itself reads SQL_PORT, SQL_TLS
# and SQL_TLS_CA_FILE, which are optional.
set -eu

: "${SQL_HOST:?is not set}" "${SQL_USER:?is not set}" "${SQL_PASSWORD:?is not set}"
export SQL_PORT="${SQL_PORT:-5432}"
export SQL_PLUGIN=postgres12_pgx

prepare() {
  database=$1
  schema=$2
  # If the user may not create databases, an administrator must have done so; connecting shows that.
  if ! SQL_DATABASE=$database temporal-sql-tool setup-schema -v 0.0 2>/dev/null; then
    SQL_DATABASE=$database temporal-sql-tool create-database
    SQL_DATABASE=$database temporal-sql-tool setup-schema -v 0.0
  fi
  SQL_DATABASE=$database temporal-sql-tool update-schema --schema-name "postgresql/v12/$schema"
}

prepare temporal temporal
prepare temporal_visibility visibility
