import { getHeapStatistics } from 'node:v8';
import { type ByteSize, parseByteSize } from '@tidemark/runtime';
import { type CacheDefinition } from './define-cache.js';
import { invalidOption } from './options.js';

/** Share of the heap that the caches of a process may take, unless it says so itself: the rest is the service's, and the garbage collector's. */
const defaultShare = 0.5;

/** Heap that all caches of a process may take together. */
export class MemoryBudget {
  readonly #maxBytes: number;
  readonly #reserved = new Map<string, number>();

  /** `maxSize`: default half of what V8 may use (`--max-old-space-size`). Throws `INVALID_OPTIONS`. */
  constructor(maxSize: ByteSize | undefined) {
    this.#maxBytes =
      maxSize === undefined
        ? Math.floor(getHeapStatistics().heap_size_limit * defaultShare)
        : parseByteSize(maxSize, 'maxSize');
  }

  /** Throws `INVALID_OPTIONS` where a cache no longer fits. */
  reserve({ name, maxBytes }: Pick<CacheDefinition, 'name' | 'maxBytes'>): void {
    const others = [...this.#reserved].filter(([other]) => other !== name);
    const sum = others.reduce((total, [, bytes]) => total + bytes, maxBytes);
    if (sum > this.#maxBytes) {
      const all = [...others, [name, maxBytes] as const].map(([each, bytes]) => `${each} ${mib(bytes)}`);
      throw invalidOption('maxSize', `caches of ${mib(this.#maxBytes)} together`, `${mib(sum)} (${all.join(', ')})`);
    }
    this.#reserved.set(name, maxBytes);
  }
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / 1_048_576)} MiB`;
}
