import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/** Files open at the same time; well under the usual limit of a process, 1,024. */
const openMax = 256;

/** Files that are appended to, opened when needed; beyond a limit, the one unused longest is closed. */
export class OpenFiles {
  readonly #open = new Map<string, number>();

  /** Appends at `size`, the length of the file; when that fails, the file has this length again, and the error is thrown. */
  append(path: string, size: number, bytes: Buffer): void {
    const file = this.#fileOf(path);
    try {
      for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
    } catch (error) {
      ftruncateSync(file, size);
      throw error;
    }
  }

  close(path: string): void {
    const file = this.#open.get(path);
    this.#open.delete(path);
    if (file !== undefined) closeSync(file);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.close(path);
  }

  #fileOf(path: string): number {
    const file = this.#open.get(path) ?? openSync(path, 'a');
    this.#open.delete(path);
    this.#open.set(path, file);
    if (this.#open.size > openMax) {
      const [unused] = this.#open.keys();
      if (unused !== undefined) this.close(unused);
    }
    return file;
  }
}
