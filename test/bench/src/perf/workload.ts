import { seeded } from './seeded.js';

/** About 1.1 KB as JSON, of the kinds that services keep. */
export interface User {
  readonly id: number;
  readonly name: string;
  readonly tags: readonly string[];
  readonly items: readonly { readonly sku: string; readonly qty: number }[];
  readonly note: string;
}

export function userOf(id: number): User {
  return {
    id,
    name: `User number ${id}`,
    tags: ['a', 'b', 'c'],
    items: Array.from({ length: 12 }, (_, item) => ({ sku: `SKU-${id}-${item}`, qty: item })),
    note: 'x'.repeat(400),
  };
}

/** Flat strings, as they come from a request: one that is still a rope is flattened by its first lookup, and that is not what is measured. */
export function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, id) =>
    Buffer.from(`tenant-07:user:${String(id).padStart(9, '0')}`).toString(),
  );
}

/** Lookups are a power of two, so that a mask takes them round. */
export const lookups = 1 << 20;

/** Which key each lookup asks for: uniformly at random, the same in every run. */
export function randomLookups(keys: readonly string[]): readonly string[] {
  const random = seeded(7);
  return Array.from({ length: lookups }, () => keys[Math.floor(random() * keys.length)] ?? '');
}
