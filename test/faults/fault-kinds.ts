import type { FaultKinds } from './fault.ts';
import { CLOCK_FAULTS } from './kinds/clocks.ts';
import { CONNECTION_FAULTS } from './kinds/connections.ts';
import { OPERATOR_FAULTS } from './kinds/operators.ts';
import { POSTGRES_FAULTS } from './kinds/postgres.ts';
import { PROCESS_FAULTS } from './kinds/processes.ts';
import { SERVER_FAULTS } from './kinds/servers.ts';

/** All kinds of faults. A deck has `times` cards of each, and is used up before the next one is shuffled. */
export const FAULTS: FaultKinds = {
  ...PROCESS_FAULTS,
  ...CONNECTION_FAULTS,
  ...SERVER_FAULTS,
  ...POSTGRES_FAULTS,
  ...CLOCK_FAULTS,
  ...OPERATOR_FAULTS,
};
