import { type CacheParts } from './cache-parts.js';

/** Tells listeners when a cache falls behind its `maxStaleness`, and when it is back. */
export class StalenessWatch {
  readonly #parts: Pick<CacheParts, 'listeners' | 'maxStalenessMs'>;
  #stale = false;

  constructor(parts: Pick<CacheParts, 'listeners' | 'maxStalenessMs'>) {
    this.#parts = parts;
  }

  look(stalenessMs: number): void {
    const { listeners, maxStalenessMs } = this.#parts;
    const stale = stalenessMs > maxStalenessMs;
    if (stale === this.#stale) return;
    this.#stale = stale;
    listeners.emit('staleness', { stale, stalenessMs });
  }
}
