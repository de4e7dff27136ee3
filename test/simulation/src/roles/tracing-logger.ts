import { type LogFields, type Logger } from '@tidemark/runtime';
import { type SimProcess } from '../time/sim-process.js';
import { type Trace, type TraceLevel } from '../time/trace.js';

/** A process's log lines as part of the trace; a reader of the story sees warnings, and flushes that dropped something. */
export function tracingLogger(trace: Trace, process: SimProcess): Logger {
  const at =
    (level: TraceLevel) =>
    (fields: LogFields, message: string): void => {
      if (!process.alive) return;
      const dropped = Number(fields['entries'] ?? 0) > 0;
      trace.note(process.name, `log: ${message} ${JSON.stringify(fields, textOfBigInt)}`, dropped ? 'story' : level);
    };
  return { debug: at('detail'), info: at('detail'), warn: at('story'), error: at('story') };
}

function textOfBigInt(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
