/// <reference types="./emulators.d.ts" />
import { type Clock, type Logger, messageOf, TidemarkError, withDeadline } from '@tidemark/runtime';
import { type Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { workerFile } from './kinesis-local-worker.cjs';

export interface KinesisLocalThreadOptions {
  /** A thread that has not opened its port by then is ended, ms. */
  readonly startTimeoutMs: number;
  readonly clock: Clock;
  /** What runs in the thread, and sends its port. Default: kinesis-local. */
  readonly file?: string;
}

/** Longest piece of what the thread prints that is logged, characters. */
const printedMax = 1_000;

/** The thread in which kinesis-local serves every region: it runs from the first `join` to the last `leave`. */
export class KinesisLocalThread {
  readonly #options: KinesisLocalThreadOptions;
  #users = 0;
  #running: { readonly worker: Worker; readonly port: Promise<number> } | undefined;

  constructor(options: KinesisLocalThreadOptions) {
    this.#options = options;
  }

  /**
   * Resolves to its port once it listens; whatever comes of it, `leave` is to follow. Rejects with `TIMEOUT`, with `CLOSED` when the last
   * user leaves before, and with `NOT_SUPPORTED` when kinesis-local ends on its own.
   */
  join(log: Logger): Promise<number> {
    this.#users++;
    this.#running ??= this.#start(log);
    return this.#running.port;
  }

  async leave(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    const running = this.#running;
    this.#running = undefined;
    await running?.worker.terminate();
    await running?.port.catch(() => undefined);
  }

  #start(log: Logger): { readonly worker: Worker; readonly port: Promise<number> } {
    const { startTimeoutMs: timeoutMs, clock, file = workerFile } = this.#options;
    const workerData = { startsKinesisLocal: true };
    const worker = new Worker(file, { env: {}, stdout: true, stderr: true, workerData });
    logPrinted(worker.stdout, log);
    logPrinted(worker.stderr, log);
    const opened = portOf(worker, () => this.#running?.worker === worker, log);
    const port = withDeadline({ clock, timeoutMs, what: 'starting kinesis-local' }, () => opened);
    port.catch(() => worker.terminate());
    return { worker, port };
  }
}

/** Also sees to it that an end of the thread later on is logged, not thrown. */
function portOf(worker: Worker, isWanted: () => boolean, log: Logger): Promise<number> {
  return new Promise((resolve, reject) => {
    let reason = 'its thread ended';
    worker.once('message', resolve);
    worker.on('error', (error) => (reason = messageOf(error)));
    worker.once('exit', () => {
      if (!isWanted()) return reject(new TidemarkError('CLOSED', 'kinesis-local was stopped', { retriable: false }));
      log.error({ reason }, 'kinesis-local has ended');
      reject(
        new TidemarkError('NOT_SUPPORTED', `kinesis-local 0.6.2 did not start: ${reason}`, {
          retriable: false,
          context: { reason },
        }),
      );
    });
  });
}

/** What it prints must neither mix with what the process prints nor pile up. */
function logPrinted(stream: Readable, log: Logger): void {
  stream.on('data', (printed: Buffer) => {
    const text = printed.toString('utf8').trim().slice(0, printedMax);
    if (text !== '') log.debug({ text }, 'kinesis-local printed');
  });
}
