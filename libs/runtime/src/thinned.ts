import { type Clock } from './clock.js';
import { type LogFields, type Logger } from './logger.js';

/** Distinct lines remembered. */
const linesMax = 1_000;

interface Line {
  atMs: number;
  /** Times it came since then. */
  unsaid: number;
}

/**
 * The warnings and errors of something that is tried again and again: a line goes out when it first comes, then at most once in `intervalMs` (default
 * 30,000), with `repeated`, how often it came in between. Lines are the same when message, `what`, `table`, `topic` and `partition` are.
 */
export function thinned(logger: Logger, clock: Clock, intervalMs = 30_000): Pick<Logger, 'warn' | 'error'> {
  const lines = new Map<string, Line>();
  const at =
    (level: 'warn' | 'error') =>
    (fields: LogFields, message: string): void => {
      const { what, table, topic, partition } = fields;
      const id = JSON.stringify([message, what, table, topic, partition]);
      const now = clock.monotonicMs();
      const line = lines.get(id);
      if (line !== undefined && now - line.atMs < intervalMs) {
        line.unsaid += 1;
        return;
      }
      if (line === undefined && lines.size >= linesMax) lines.clear();
      lines.set(id, { atMs: now, unsaid: 0 });
      const unsaid = line?.unsaid ?? 0;
      logger[level](unsaid === 0 ? fields : { ...fields, repeated: unsaid }, message);
    };
  return { warn: at('warn'), error: at('error') };
}
