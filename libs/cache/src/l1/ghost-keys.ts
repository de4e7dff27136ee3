/**
 * Keys that left not long ago, by a hash of 32 bits. Two generations: when the younger is full, the older is forgotten, so that between half of
 * `max` and all of it is remembered. Two keys of one hash pass for each other, which costs an entry a better place than it has earned.
 */
export class GhostKeys {
  #young = new Set<number>();
  #old = new Set<number>();

  add(key: string, max: number): void {
    this.#young.add(hashOf(key));
    if (this.#young.size < Math.max(1, max / 2)) return;
    this.#old = this.#young;
    this.#young = new Set();
  }

  /** Whether the key is remembered; forgets it. */
  take(key: string): boolean {
    const hash = hashOf(key);
    return this.#young.delete(hash) || this.#old.delete(hash);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}

/** FNV-1a over the key's UTF-16 code units, with a last mix for the low bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash ^ (hash >>> 15);
}
