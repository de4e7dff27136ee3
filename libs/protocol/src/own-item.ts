/** No bucket begins so, so that no cache can have the key of an item that Tidemark keeps for itself. */
const prefix = '_tidemark:';

/** The partition key of an item that Tidemark keeps for itself beside the caches' items: pods pass over its events. */
export function ownItemKeyOf(...parts: readonly string[]): string {
  return prefix + parts.join(':');
}

export function isOwnItemKey(itemKey: string): boolean {
  return itemKey.startsWith(prefix);
}
