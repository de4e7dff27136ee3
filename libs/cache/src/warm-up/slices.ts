/** Keys that are worked on before others have their turn in the event loop: some tenths of a millisecond. */
export const sliceKeys = 1_000;

/** Lets others have their turn. */
export type Pause = () => Promise<void>;

export const nextTurn: Pause = () => new Promise((resolve) => setImmediate(resolve));

/** Calls `each` for one after the other, and pauses behind each slice. */
export async function inSlices<T>(all: readonly T[], each: (one: T) => void, pause: Pause): Promise<void> {
  let done = 0;
  for (const one of all) {
    each(one);
    done += 1;
    if (done % sliceKeys === 0) await pause();
  }
}
