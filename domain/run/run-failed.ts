/** The type of the failure with which the activity of a run ends that has failed, and has that on record. */
export const RUN_FAILED = 'RunFailed';
