import { type CdcEvent } from '@tidemark/protocol';
import { forgetOldest } from './forget-oldest.js';

type Ids = Pick<CdcEvent, 'from' | 'to'>;

/**
 * For each key that has gone back to a lower write id, or to none, the highest id that it left.
 *
 * Conditional writes only go up. Down goes a removal, an item without an id, or another region's write that wins; among the last is an update in
 * place of an item that was newer here: it keeps its old write id, and brings that id back. Between an id and its return there is always a step
 * down from an id at least as high, so an event with an id up to there may belong to either of two states, and places nothing.
 *
 * The key that went back longest ago is forgotten first: an event that comes later still passes for an ordinary one.
 */
export class SteppedBack {
  readonly #from = new Map<string, string>();
  readonly #max: number;

  /** `max`: keys kept, default 10,000. */
  constructor(max = 10_000) {
    this.#max = max;
  }

  /** Takes note of an event. */
  note(key: string, { from, to }: Ids): void {
    if (from === null || (to !== null && !this.isBelow(to, from))) return;
    const before = this.#from.get(key);
    this.#from.delete(key);
    this.#from.set(key, before === undefined || this.isBelow(before, from) ? from : before);
    forgetOldest(this.#from, this.#max);
  }

  /** Whether an id of the event may stand for more than one state of the key. */
  covers(key: string, { from, to }: Ids): boolean {
    const highest = this.#from.size === 0 ? undefined : this.#from.get(key);
    if (highest === undefined) return false;
    return (from !== null && !this.isBelow(highest, from)) || (to !== null && !this.isBelow(highest, to));
  }

  /** The highest id that the key went back from. */
  highest(key: string): string | undefined {
    return this.#from.get(key);
  }

  get size(): number {
    return this.#from.size;
  }

  /** The order in which DynamoDB's conditions compare ids. */
  protected isBelow(a: string, b: string): boolean {
    return a < b;
  }
}
