import { messageOf } from '@tidemark/runtime';

/** What `work` fails with; `undefined`: it does not. */
export async function failureOf(work: Promise<unknown>): Promise<Error | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}
