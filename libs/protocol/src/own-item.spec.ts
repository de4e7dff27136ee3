import { describe, expect, it } from '@jest/globals';
import { parseItemKey } from './item.js';
import { isOwnItemKey, ownItemKeyOf } from './own-item.js';

describe('an item of Tidemark’s own', () => {
  it('has a key that belongs to no bucket', () => {
    const itemKey = ownItemKeyOf('hot-keys', 'things', 'us-east-1');
    expect(itemKey).toBe('_tidemark:hot-keys:things:us-east-1');
    expect(parseItemKey(itemKey)).toBeUndefined();
    expect(isOwnItemKey(itemKey)).toBe(true);
  });

  it('is told from the items of caches', () => {
    expect(isOwnItemKey('tidemark:hot-keys')).toBe(false);
    expect(isOwnItemKey('things:_tidemark:a')).toBe(false);
  });
});
