import { type Clock, type Logger } from '@tidemark/runtime';
import { type logCreator } from 'kafkajs';

/** The same line of kafkajs goes out at most once in this time, ms. */
const repeatMs = 30_000;
/** Distinct lines remembered. */
const linesMax = 200;

/**
 * kafkajs's warnings and errors as debug lines, each at most once in 30 s: it reports every refused connection of every retry, and what matters
 * to an operator is reported by Tidemark's own parts, which know what it means.
 */
export function kafkaLogCreator(logger: Logger, clock: Clock): logCreator {
  const lastMs = new Map<string, number>();
  return () => (entry) => {
    const { namespace, label, log } = entry;
    const line = `${namespace}: ${log.message}`;
    const now = clock.monotonicMs();
    if (now - (lastMs.get(line) ?? -Infinity) < repeatMs) return;
    if (lastMs.size >= linesMax) lastMs.clear();
    lastMs.set(line, now);
    const { broker, groupId, error } = log as { broker?: unknown; groupId?: unknown; error?: unknown };
    logger.debug({ client: 'kafkajs', level: label, broker, groupId, error: text(error) }, line);
  };
}

function text(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  return error instanceof Error ? error.message : typeof error === 'string' ? error : undefined;
}
