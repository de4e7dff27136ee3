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
 * A step down is told by its event; or by a read that finds a lower id than the pod held, or than it wrote itself.
 *
 * The key that went back longest ago is forgotten first: an event that comes later still passes for an ordinary one.
 */
export class SteppedBack {
  readonly #from = new Map<string, string>();
  /** For each key, the highest id that this pod wrote. */
  readonly #written = new Map<string, string>();
  readonly #max: number;

  /** `max`: keys kept of each kind, default 10,000. */
  constructor(max = 10_000) {
    this.#max = max;
  }

  /** Takes note of an event. */
  note(key: string, { from, to }: Ids): void {
    if (from === null || (to !== null && !this.isBelow(to, from))) return;
    this.#keepHighest(this.#from, key, from);
  }

  /** Takes note of a write of this pod. */
  noteWritten(key: string, id: string): void {
    this.#keepHighest(this.#written, key, id);
  }

  /** Takes note of what a read found, that nothing came in the way of. `held`: the write id of the entry that stood there. */
  noteRead(key: string, found: string | null, held: string | null): void {
    this.note(key, { from: held, to: found });
    this.note(key, { from: this.written(key) ?? null, to: found });
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

  /** The highest id that this pod wrote to the key. */
  written(key: string): string | undefined {
    return this.#written.size === 0 ? undefined : this.#written.get(key);
  }

  get size(): number {
    return this.#from.size;
  }

  #keepHighest(ids: Map<string, string>, key: string, id: string): void {
    const before = ids.get(key);
    ids.delete(key);
    ids.set(key, before === undefined || this.isBelow(before, id) ? id : before);
    forgetOldest(ids, this.#max);
  }

  /** The order in which DynamoDB's conditions compare ids. */
  protected isBelow(a: string, b: string): boolean {
    return a < b;
  }
}
