import { isTidemarkError } from '@tidemark/runtime';
import { type LivePod } from '../roles/pod-slot.js';
import { type OperationContext } from './operations.js';

/** For a reader of the story. */
export function tell({ process }: LivePod, what: string, key: string, { trace }: OperationContext): void {
  trace.note(process.name, what, 'story', key);
}

/** An error that is neither Tidemark's nor a loader's is a finding, so it must not pass for one. */
export function codeOf(error: unknown): string {
  if (isTidemarkError(error)) return error.code;
  if (error instanceof OriginError) return 'ORIGIN';
  throw error;
}

/** What a failing loader throws. */
export class OriginError extends Error {}
