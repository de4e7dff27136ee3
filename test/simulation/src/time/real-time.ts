import { draw } from './entropy.js';

/** Runs `work`; whoever asks for real time or sets a real timer meanwhile fails, and `Math.random` is decided by the seed. */
export async function withoutRealTime<T>(work: () => Promise<T>): Promise<T> {
  const { setTimeout, setInterval } = globalThis;
  const { now } = Date;
  const { random } = Math;
  const refuse = (what: string) => (): never => {
    throw new Error(`${what} in a simulation`);
  };
  Date.now = refuse('Date.now');
  Math.random = draw;
  Object.assign(globalThis, { setTimeout: refuse('setTimeout'), setInterval: refuse('setInterval') });
  try {
    return await work();
  } finally {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout, setInterval });
  }
}
