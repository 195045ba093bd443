/** The signal that tells a waiting run that its turn has come. */
export const PERMIT_SIGNAL = 'turn';
