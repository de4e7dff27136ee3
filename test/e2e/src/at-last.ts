import { isTidemarkError } from '@tidemark/runtime';
import { eventually } from '@tidemark/runtime/testing';

/** What has no answer in time, on a machine that is busy, is done again. */
export async function atLast(what: string, work: () => Promise<boolean | undefined>): Promise<void> {
  const isDone = async (): Promise<boolean> => {
    try {
      return (await work()) === true;
    } catch (error) {
      if (isTidemarkError(error) && (error.retriable || error.code === 'AMBIGUOUS_WRITE')) return false;
      throw error;
    }
  };
  await eventually(what, isDone, 30_000);
}
