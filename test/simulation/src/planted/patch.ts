type Method<This, Args extends unknown[], Result> = (this: This, ...args: Args) => Result;

/** Replaces a method of every instance; `replacement` gets the one before. Returns what puts it back. */
export function patchMethod<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  replacement: T[K] extends (...args: infer Args) => infer Result
    ? (before: Method<T, Args, Result>) => Method<T, Args, Result>
    : never,
): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  if (descriptor === undefined) throw new RangeError(`no method ${String(name)}`);
  const make = replacement as unknown as (before: unknown) => unknown;
  Object.defineProperty(prototype, name, { ...descriptor, value: make(descriptor.value) });
  return () => Object.defineProperty(prototype, name, descriptor);
}

/** Makes several patches as one. */
export function together(...patches: readonly (() => () => void)[]): () => () => void {
  return () => {
    const undo = patches.map((patch) => patch());
    return () => {
      for (const each of undo.reverse()) each();
    };
  };
}
