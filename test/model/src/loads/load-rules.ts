import { afterClaim, afterRead, afterRefusal, conditionHolds, firstAttempt } from '@tidemark/cache/internals';

/** The shipped decisions that the model runs on; a checker may put others in their place. */
export const shippedRules = { afterClaim, afterRead, afterRefusal, conditionHolds, firstAttempt };

export type LoadRules = typeof shippedRules;
