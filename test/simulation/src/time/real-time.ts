/** Runs `work`; whoever asks for real time, sets a real timer or draws from `Math.random` meanwhile fails. */
export async function withoutRealTime<T>(work: () => Promise<T>): Promise<T> {
  const { setTimeout, setInterval } = globalThis;
  const { now } = Date;
  const { random } = Math;
  const refuse = (what: string) => (): never => {
    throw new Error(`${what} in a simulation`);
  };
  Date.now = refuse('Date.now');
  Math.random = refuse('Math.random');
  Object.assign(globalThis, { setTimeout: refuse('setTimeout'), setInterval: refuse('setInterval') });
  try {
    return await work();
  } finally {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout, setInterval });
  }
}
