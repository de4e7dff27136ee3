/** Runs `work` for every item, at most `max` at a time. After a failure no further item is begun; rejects with the first failure once all that was begun has ended. */
export async function eachOf<T>(items: readonly T[], max: number, work: (item: T) => Promise<unknown>): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const runner = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      const item = items[next] as T;
      next += 1;
      try {
        await work(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, runner));
  if (failure !== undefined) throw failure.error;
}
