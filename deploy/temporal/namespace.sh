#!/bin/sh
# Creates the service's namespace, and the search attributes by which operators find a job's runs; waits for the server.
# Safe to run again. Runs in temporalio/admin-tools. Requires TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE. NAMESPACE_RETENTION is
# optional, for a new namespace. The temporal CLI reads its TEMPORAL_TLS_… itself.
set -eu

: "${TEMPORAL_ADDRESS:?is not set}" "${TEMPORAL_NAMESPACE:?is not set}"
export TEMPORAL_ADDRESS TEMPORAL_NAMESPACE
# The CLI needs a home directory for its configuration, which a container with its own user may not have.
export HOME="${HOME:-/tmp}"

# Runs a command until it succeeds, for two minutes.
patiently() {
  tries=0
  until "$@"; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || return 1
    sleep 2
  done
}

patiently temporal operator cluster health
# Commands for namespaces ignore TEMPORAL_NAMESPACE, and would use "default".
if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  # Another process may have created it at this moment.
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "${NAMESPACE_RETENTION:-7d}" ||
    temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null
fi
# The server learns of a new namespace with a delay.
patiently temporal operator search-attribute create --type Keyword --name JobId --name JobName --name JobNamespace
