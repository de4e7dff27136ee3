import { type LogFields, type Logger } from '../logger.js';

export interface RecordedLog {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

/** A logger that keeps its lines, for tests that assert on them. */
export function recordingLogger(): Logger & { readonly lines: RecordedLog[] } {
  const lines: RecordedLog[] = [];
  const at =
    (level: RecordedLog['level']) =>
    (fields: LogFields, message: string): void => {
      lines.push({ level, fields, message });
    };
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
