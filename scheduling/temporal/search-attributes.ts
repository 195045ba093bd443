import { Connection, type Client } from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';

/** The search attributes by which operators find a job's runs in the Temporal Web UI: `JobName = "weekly-report"`. */
export const SEARCH_ATTRIBUTES = {
  jobId: defineSearchAttributeKey('JobId', SearchAttributeType.KEYWORD),
  jobName: defineSearchAttributeKey('JobName', SearchAttributeType.KEYWORD),
  jobNamespace: defineSearchAttributeKey('JobNamespace', SearchAttributeType.KEYWORD),
};

/** `temporal.api.enums.v1.IndexedValueType`: an exact text. */
const KEYWORD = 2;

/**
 * Registers the search attributes that the namespace lacks; without them, Temporal refuses every schedule. On
 * Temporal Cloud, where clients may not register any, an operator creates them once.
 * @throws Error that names the missing ones, if they cannot be registered
 */
export async function ensureSearchAttributes(temporal: Client): Promise<void> {
  const { connection } = temporal;
  if (!(connection instanceof Connection)) throw new Error('search attributes need a gRPC connection');
  const { namespace } = temporal.options;
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(SEARCH_ATTRIBUTES)
    .map((key) => key.name)
    .filter((name) => !(name in (customAttributes ?? {})));
  if (missing.length === 0) return;
  try {
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    throw new Error(
      `The Temporal namespace "${namespace}" lacks the search attributes ${missing.join(', ')} (type Keyword), and they could not be registered.`,
      { cause: error },
    );
  }
}
