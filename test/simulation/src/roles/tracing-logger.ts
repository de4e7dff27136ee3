import { type LogFields, type Logger } from '@tidemark/runtime';
import { type Trace, type TraceLevel } from '../time/trace.js';

/** A process's log lines as part of the trace. */
export function tracingLogger(trace: Trace, who: string): Logger {
  const at =
    (level: TraceLevel) =>
    (fields: LogFields, message: string): void =>
      trace.note(who, `log: ${message} ${JSON.stringify(fields, textOfBigInt)}`, level);
  return { debug: at('detail'), info: at('story'), warn: at('story'), error: at('story') };
}

function textOfBigInt(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
