/** The partition of an item key among `count`: Java's murmur2, as every Kafka client's default partitioner agrees on. */
export function partitionOf(key: string, count: number): number {
  return (murmur2(Buffer.from(key, 'utf8')) & 0x7fffffff) % count;
}

function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const length = bytes.length;
  let h = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    let k = at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = length - whole;
  if (rest >= 3) h ^= at(bytes, whole + 2) << 16;
  if (rest >= 2) h ^= at(bytes, whole + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ at(bytes, whole), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}
