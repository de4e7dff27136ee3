import { type VersionToken } from '@tidemark/cache';
import { type OpenWrite } from '@tidemark/cache/testing';
import { type RegionName } from '../world/names.js';

/** An acknowledged write that callers may speak of. */
export interface KnownWrite {
  readonly key: string;
  readonly region: RegionName;
  readonly token: VersionToken;
  /** `null`: a deletion, over which nothing can be put by version. */
  readonly version: string | null;
  readonly recorded: OpenWrite;
}

/** Of each key and region. */
const keptMax = 6;

/** The last acknowledged writes, as callers hand their tokens about. */
export class KnownWrites {
  readonly #writes = new Map<string, KnownWrite[]>();

  add(write: KnownWrite): void {
    const place = `${write.region}/${write.key}`;
    const writes = this.#writes.get(place) ?? [];
    writes.push(write);
    if (writes.length > keptMax) writes.shift();
    this.#writes.set(place, writes);
  }

  /** The last one for an `amount` below 0.7, else one before it; `undefined`: there is none. */
  pick(region: RegionName, key: string, amount: number): KnownWrite | undefined {
    const writes = this.#writes.get(`${region}/${key}`) ?? [];
    const share = Math.max(0, (amount - 0.7) / 0.3);
    return writes.at(-1 - Math.floor(share * writes.length));
  }
}
