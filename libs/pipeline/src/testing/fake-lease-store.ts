import { TidemarkError } from '@tidemark/runtime';
import {
  askedLease,
  checkpointedLease,
  handedOverLease,
  isAskedOf,
  owingAs,
  releasedLease,
  renewedLease,
  replacedLease,
  takenLease,
} from '../lease-row.js';
import { type Checkpoint, type LeaseStore, type ShardLease } from '../ports.js';
import { isEnded } from '../watermark.js';
import { Stall } from './stall.js';

/** The lease table in memory, under the same conditions as the real one. */
export class FakeLeaseStore implements LeaseStore {
  readonly #rows = new Map<string, ShardLease>();
  #fault: (operation: keyof LeaseStore) => TidemarkError | undefined = () => undefined;
  readonly #stall = new Stall();
  /** Writes that took effect. */
  writes = 0;

  /** What a test does to the next calls; `undefined` lets a call pass. */
  set fault(fault: (operation: keyof LeaseStore) => TidemarkError | undefined) {
    this.#fault = fault;
  }

  set down(down: boolean) {
    const error = new TidemarkError('STORE_UNAVAILABLE', 'the lease table does not answer', { retriable: true });
    this.#fault = () => (down ? error : undefined);
  }

  /** While stalled, no call is answered, not even with a failure. */
  set stalled(stalled: boolean) {
    this.#stall.shut = stalled;
  }

  row(shardId: string): ShardLease | undefined {
    return this.#rows.get(shardId);
  }

  /** Sets a row as an operator would, without a condition. */
  overwrite(lease: ShardLease): void {
    this.#rows.set(lease.shardId, lease);
  }

  /** Some row: counted in the order of their making, from the first again behind the last; `undefined`: there is none. */
  nth(index: number): ShardLease | undefined {
    return [...this.#rows.values()][index % Math.max(1, this.#rows.size)];
  }

  /** Loses a row. */
  lose(shardId: string): void {
    this.#rows.delete(shardId);
  }

  /** Loses every row. */
  clear(): void {
    this.#rows.clear();
  }

  async list(signal: AbortSignal): Promise<readonly ShardLease[]> {
    await this.#begin('list', signal);
    return [...this.#rows.values()];
  }

  async create(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    await this.#begin('create', signal);
    if (this.#rows.has(lease.shardId)) return false;
    this.#write(lease);
    return true;
  }

  async renew(lease: ShardLease, readUpTo: number | null, signal: AbortSignal): Promise<ShardLease | undefined> {
    await this.#begin('renew', signal);
    return this.#change(lease, true, (row) => renewedLease(owingAs(lease, row), readUpTo));
  }

  async checkpoint(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    await this.#begin('checkpoint', signal);
    return this.#change(lease, true, (row) => checkpointedLease(owingAs(lease, row), checkpoint, readUpTo));
  }

  async take(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    await this.#begin('take', signal);
    return this.#change(lease, false, (row) => takenLease(row, owner));
  }

  async ask(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    await this.#begin('ask', signal);
    const row = this.#rows.get(lease.shardId);
    if (row?.counter !== lease.counter || row.owner !== lease.owner) return undefined;
    const asked = askedLease(row, owner);
    if (asked === null) return undefined;
    this.#write(asked);
    return asked;
  }

  async handOver(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    await this.#begin('handOver', signal);
    if (this.#rows.get(lease.shardId)?.checkpointOwner !== lease.checkpointOwner) return undefined;
    return this.#change(lease, false, (row) => handedOverLease(owingAs(lease, row), checkpoint, readUpTo));
  }

  async release(lease: ShardLease, signal: AbortSignal): Promise<ShardLease | undefined> {
    await this.#begin('release', signal);
    return this.#change(lease, true, releasedLease);
  }

  async replace(lease: ShardLease, next: ShardLease, signal: AbortSignal): Promise<boolean> {
    await this.#begin('replace', signal);
    return this.#change(lease, false, (row) => replacedLease(row, next)) !== undefined;
  }

  async remove(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    await this.#begin('remove', signal);
    const row = this.#rows.get(lease.shardId);
    if (row?.counter !== lease.counter || row.checkpoint !== lease.checkpoint) return false;
    return this.#rows.delete(lease.shardId);
  }

  #change(lease: ShardLease, ownerToo: boolean, change: (row: ShardLease) => ShardLease): ShardLease | undefined {
    const row = this.#rows.get(lease.shardId);
    if (ownerToo && row !== undefined && isAskedOf(lease, row)) return row;
    if (row?.counter !== lease.counter) return undefined;
    if (ownerToo && (row.owner !== lease.owner || (row.checkpointOwner !== undefined && !isEnded(row))))
      return undefined;
    const next = change(row);
    this.#write(next);
    return next;
  }

  #write(lease: ShardLease): void {
    this.writes += 1;
    this.#rows.set(lease.shardId, lease);
  }

  async #begin(operation: keyof LeaseStore, signal: AbortSignal): Promise<void> {
    await this.#stall.pass(signal);
    if (signal.aborted) throw new TidemarkError('ABORTED', 'the call was aborted', { retriable: false });
    const error = this.#fault(operation);
    if (error !== undefined) throw error;
  }
}
