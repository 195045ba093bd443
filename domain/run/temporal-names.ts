// Names that stand in Temporal histories, so they never change. Workflows import this file, so it imports nothing.

/** The type of the failure that ends a run's activity when the run has failed and its row says so. */
export const RUN_FAILED = 'RunFailed';

/** The name of the signal that tells a waiting run that a permit has been granted to it. */
export const PERMIT_SIGNAL = 'turn';
