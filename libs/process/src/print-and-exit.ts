import { writeSync } from 'node:fs';

/** A command's last words. */
export interface LastWords {
  readonly exitCode: number;
  readonly text: string;
  /** 1: standard output, 2: standard error. Default: 1 where the exit code is 0, else 2. */
  readonly fd?: 1 | 2;
}

const retryMs = 10;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Prints a command's last words and ends the process, whatever is still open. Where they cannot be written, as on a full disk, it ends with 1:
 * whoever goes by the exit code would take half an answer for a whole one. A reader that has gone away wants no more, and changes nothing.
 */
export function printAndExit({ exitCode, text, fd = exitCode === 0 ? 1 : 2 }: LastWords): never {
  const failure = written(fd, text);
  if (failure === undefined || failure === 'EPIPE') return process.exit(exitCode);
  written(2, `the answer could not be written: ${failure}\n`);
  return process.exit(exitCode === 0 ? 1 : exitCode);
}

/** `undefined`: all of it; else the system's code of what came in the way. A pipe that is full is waited for. */
function written(fd: number, text: string): string | undefined {
  let rest = Buffer.from(text);
  while (rest.byteLength > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      if (code !== 'EAGAIN') return code;
      Atomics.wait(sleeper, 0, 0, retryMs);
    }
  }
  return undefined;
}
