import { setTimeout as delay } from 'node:timers/promises';

export interface OpenLoop {
  /** Operations a second. */
  readonly rate: number;
  readonly seconds: number;
  /** Begins operation `n`. */
  readonly operation: (n: number) => Promise<unknown>;
  /** How long operation `n` took since the time that it was due, ms: one that begins late has waited as its caller would have. One that fails counts as a whole `failedMs`. */
  readonly onDone: (n: number, latencyMs: number) => void;
  readonly failedMs: number;
}

/** Begins operations when they are due, however many are still under way; resolves when all have ended. */
export async function openLoop({ rate, seconds, operation, onDone, failedMs }: OpenLoop): Promise<void> {
  const operations = rate * seconds;
  const beganMs = performance.now();
  const underWay: Promise<void>[] = [];
  for (let n = 0; n < operations; await delay(1)) {
    const due = Math.min(operations, Math.ceil(((performance.now() - beganMs) / 1_000) * rate));
    for (; n < due; n += 1) {
      const dueMs = beganMs + (n / rate) * 1_000;
      const number = n;
      const done = (leastMs: number): void => onDone(number, Math.max(leastMs, performance.now() - dueMs));
      const failed = (): void => done(failedMs);
      underWay.push(operation(n).then(() => done(0), failed));
    }
  }
  await Promise.all(underWay);
}
