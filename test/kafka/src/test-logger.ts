import { type LogFields, type Logger, silentLogger } from '@tidemark/runtime';

function at(level: string): (fields: LogFields, message: string) => void {
  return (fields, message) =>
    process.stderr.write(`${(performance.now() / 1_000).toFixed(3)} ${level} ${message} ${JSON.stringify(fields)}\n`);
}

/** Silent, unless `TIDEMARK_TEST_LOG=1` asks for every line. */
export const testLogger: Logger =
  process.env['TIDEMARK_TEST_LOG'] === '1'
    ? { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
    : silentLogger;
