import { type Logger } from '@tidemark/runtime';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BrokerImage } from './broker-image.js';
import { type BrokerEvent, type BrokerStore, type PartitionStore, type StoredPartition } from './broker-store.js';
import { crc32c } from './crc32c.js';
import { OpenFiles } from './open-files.js';
import { batchAt, headerOf } from './record-batch.js';

/** Size at which the notes are rewritten if they would then be a quarter as long, bytes. */
const notesBytesMin = 4 * 1_048_576;

/**
 * A folder that survives `kill -9` of the process that writes it. `notes` has one line for every event, with its checksum; `logs/` has one file
 * for every partition, batch after batch. Writes go to the operating system before the request is answered, and are not forced to the disk: a
 * process may die at any moment, a machine may not. What the last write left torn is cut off when the folder is read. One broker at a time.
 */
export class DirectoryStore implements BrokerStore {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #files = new OpenFiles();
  readonly #image = new BrokerImage();
  #notesBytes = 0;

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    this.#log = log;
    mkdirSync(join(folder, 'logs'), { recursive: true });
    this.#readNotes();
    this.#rewriteNotes();
  }

  events(): readonly BrokerEvent[] {
    return this.#image.events();
  }

  note(event: BrokerEvent): void {
    const line = lineOf(event);
    this.#files.append(this.#notesPath, this.#notesBytes, line);
    this.#notesBytes += line.length;
    this.#image.apply(event);
    if (this.#notesBytes > notesBytesMin) this.#shortenNotes();
  }

  partition(topicId: number, partition: number): PartitionStore {
    return new PartitionFile(join(this.#folder, 'logs', `${topicId}-${partition}.log`), this.#files, this.#log, {
      read: () => this.#image.bounds(topicId, partition),
      write: (start, end) =>
        this.note({ type: 'bounds', id: topicId, partition, start: String(start), end: String(end) }),
    });
  }

  release(): void {
    this.#files.closeAll();
  }

  get #notesPath(): string {
    return join(this.#folder, 'notes');
  }

  #readNotes(): void {
    if (!existsSync(this.#notesPath)) return;
    const bytes = readFileSync(this.#notesPath);
    let start = 0;
    while (start < bytes.length) {
      const end = bytes.indexOf(0x0a, start);
      const event = end < 0 ? undefined : eventOf(bytes.toString('utf8', start, end));
      if (event === undefined) {
        this.#log.warn({ bytes: bytes.length - start }, 'the last notes of the data folder are torn and are dropped');
        return;
      }
      this.#image.apply(event);
      start = end + 1;
    }
  }

  #shortenNotes(): void {
    const lines = this.#image.events().reduce((sum, event) => sum + lineOf(event).length, 0);
    if (lines < this.#notesBytes / 4) this.#rewriteNotes();
  }

  #rewriteNotes(): void {
    const lines = Buffer.concat(this.#image.events().map(lineOf));
    replaceFile(this.#notesPath, lines, this.#files);
    this.#notesBytes = lines.length;
  }
}

interface Bounds {
  readonly read: () => { readonly start: bigint; readonly end: bigint };
  readonly write: (start: bigint, end: bigint) => void;
}

/** One partition's batches, one after another. */
class PartitionFile implements PartitionStore {
  readonly #path: string;
  readonly #files: OpenFiles;
  readonly #log: Logger;
  readonly #bounds: Bounds;
  #size = 0;

  constructor(path: string, files: OpenFiles, log: Logger, bounds: Bounds) {
    this.#path = path;
    this.#files = files;
    this.#log = log;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#size;
  }

  load(): StoredPartition {
    const bounds = this.#bounds.read();
    const batches: Buffer[] = [];
    const bytes = existsSync(this.#path) ? readFileSync(this.#path) : Buffer.alloc(0);
    this.#size = 0;
    for (let batch = batchAt(bytes, 0); batch !== undefined; batch = batchAt(bytes, this.#size)) {
      batches.push(Buffer.from(batch));
      this.#size += batch.length;
    }
    if (this.#size < bytes.length) {
      this.#log.warn(
        { path: this.#path, bytes: bytes.length - this.#size },
        'the last batch of a partition is torn and is dropped',
      );
      truncateSync(this.#path, this.#size);
    }
    const last = batches.at(-1);
    const end = last === undefined ? 0n : headerOf(last).lastOffset + 1n;
    return { batches, start: bounds.start, end: end > bounds.end ? end : bounds.end };
  }

  append(batch: Buffer): void {
    this.#files.append(this.#path, this.#size, batch);
    this.#size += batch.length;
  }

  bound(start: bigint, end: bigint): void {
    this.#bounds.write(start, end);
  }

  rewrite(batches: readonly Buffer[], start: bigint, end: bigint): void {
    this.#bounds.write(start, end);
    const bytes = Buffer.concat(batches);
    replaceFile(this.#path, bytes, this.#files);
    this.#size = bytes.length;
  }

  remove(): void {
    this.#files.close(this.#path);
    rmSync(this.#path, { force: true });
    this.#size = 0;
  }
}

function replaceFile(path: string, bytes: Buffer, files: OpenFiles): void {
  const next = `${path}.next`;
  writeFileSync(next, bytes);
  files.close(path);
  renameSync(next, path);
}

function lineOf(event: BrokerEvent): Buffer {
  const json = JSON.stringify(event);
  return Buffer.from(`${checksumOf(json)} ${json}\n`, 'utf8');
}

function eventOf(line: string): BrokerEvent | undefined {
  const json = line.slice(9);
  return line.slice(0, 8) === checksumOf(json) ? (JSON.parse(json) as BrokerEvent) : undefined;
}

function checksumOf(json: string): string {
  return crc32c(Buffer.from(json, 'utf8')).toString(16).padStart(8, '0');
}
