import { type Clock, wait } from './clock.js';
import { type Logger } from './logger.js';

export interface StopWithinOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default 7,500 ms: with what may come before and after it, a process ends within the 10 s that it is given. */
  readonly limitMs?: number;
}

/**
 * Resolves when `stopped` has, or after `limitMs`; rejects as it does. What stops leaves groups and closes connections last, and brokers that
 * say nothing hold that up for longer than a process has. Nothing depends on it: what was not acknowledged by then is read again.
 */
export async function stopWithin(
  stopped: Promise<void>,
  { clock, logger, limitMs = 7_500 }: StopWithinOptions,
): Promise<void> {
  const ended = new AbortController();
  const late = wait(clock, limitMs, ended.signal).then(() => 'late' as const);
  const outcome = await Promise.race([stopped.then(() => 'stopped' as const), late]).finally(() => ended.abort());
  if (outcome === 'late') logger.warn({ limitMs }, 'stopped without waiting any longer for answers');
}
