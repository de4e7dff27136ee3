import { seeded } from './seeded.js';

/** A published kind of workload, generated: the same requests in every run. */
export interface Trace {
  readonly what: string;
  /** Different keys that it asks for, about. */
  readonly keys: number;
  /** Gives the id of the key of each next request. */
  readonly generate: () => () => number;
}

const keys = 100_000;

/** By name. */
export const traces: Readonly<Record<string, Trace>> = {
  'ycsb-zipfian': {
    what: 'YCSB "zipfian": popularity by Zipf with exponent 0.99, the popular keys anywhere',
    keys,
    generate: () => {
      const rank = zipf(keys, 0.99, seeded(1));
      return () => scattered(rank());
    },
  },
  'ycsb-latest': {
    what: 'YCSB "latest" (workload D): 5 % inserts; what was inserted last is the most popular, by Zipf with exponent 0.99',
    keys,
    generate: () => {
      const random = seeded(2);
      const age = zipf(keys, 0.99, random);
      let last = keys;
      return () => (random() < 0.05 ? (last += 1) : last - age());
    },
  },
  'zipf-and-scan': {
    what: 'Zipf with exponent 0.9, and after every 50,000 requests a scan of 20,000 keys that nobody asks for again',
    keys,
    generate: zipfAndScan,
  },
  loop: {
    what: 'a loop over 20,000 keys among requests by Zipf, half of each: longer than the smaller cache, LRU’s worst case',
    keys,
    generate: () => {
      const random = seeded(4);
      const rank = zipf(keys, 0.9, random);
      let at = 0;
      return () => (random() < 0.5 ? scattered(rank()) : 2 * keys + (at++ % 20_000));
    },
  },
  'shifting-hot-set': {
    what: '90 % of the requests go to a hot set of 2,000 keys that is another one after every 100,000 requests',
    keys,
    generate: () => {
      const random = seeded(5);
      let request = 0;
      return () => {
        const epoch = Math.floor(request++ / 100_000);
        const hot = Math.floor(random() * 2_000) + epoch * 2_000;
        return random() < 0.9 ? hot % keys : Math.floor(random() * keys);
      };
    },
  },
};

function zipfAndScan(): () => number {
  const rank = zipf(keys, 0.9, seeded(3));
  let request = 0;
  let scanned = keys;
  return () => {
    request += 1;
    return request % 70_000 < 50_000 ? scattered(rank()) : (scanned += 1);
  };
}

/** Ranks 0… by Zipf's law, through the inverse of its cumulative distribution. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank += 1) cumulative[rank] = sum += 1 / (rank + 1) ** exponent;
  return () => {
    const target = random() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? sum) < target) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** A permutation of the ids, so that neighbours in rank are none in id. */
function scattered(rank: number): number {
  return (rank * 48_271) % keys;
}
