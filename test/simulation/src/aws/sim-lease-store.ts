import { type Checkpoint, type LeaseStore, type ShardLease } from '@tidemark/pipeline';
import { type FakeLeaseStore } from '@tidemark/pipeline/testing';
import { TidemarkError } from '@tidemark/runtime';
import { type Link } from '../network/link.js';

const callTimeoutMs = 2_000;
/** The table itself never gives up. */
const never = new AbortController().signal;

/** A sync process's view of the lease table. */
export class SimLeaseStore implements LeaseStore {
  readonly #table: FakeLeaseStore;
  readonly #link: Link;

  constructor(table: FakeLeaseStore, link: Link) {
    this.#table = table;
    this.#link = link;
  }

  list(signal: AbortSignal): Promise<readonly ShardLease[]> {
    return this.#call('list leases', signal, () => this.#table.list(never));
  }

  create(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    return this.#call(`create ${nameOf(lease)}`, signal, () => this.#table.create(lease, never));
  }

  renew(lease: ShardLease, readUpTo: number | null, signal: AbortSignal): Promise<ShardLease | undefined> {
    return this.#call(`renew ${nameOf(lease)}`, signal, () => this.#table.renew(lease, readUpTo, never));
  }

  checkpoint(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    return this.#call(`checkpoint ${nameOf(lease)}`, signal, () =>
      this.#table.checkpoint(lease, checkpoint, readUpTo, never),
    );
  }

  take(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    return this.#call(`take ${nameOf(lease)}`, signal, () => this.#table.take(lease, owner, never), true);
  }

  ask(lease: ShardLease, owner: string, signal: AbortSignal): Promise<ShardLease | undefined> {
    return this.#call(`ask for ${nameOf(lease)}`, signal, () => this.#table.ask(lease, owner, never), true);
  }

  handOver(
    lease: ShardLease,
    checkpoint: Checkpoint,
    readUpTo: number | null,
    signal: AbortSignal,
  ): Promise<ShardLease | undefined> {
    const serve = (): Promise<ShardLease | undefined> => this.#table.handOver(lease, checkpoint, readUpTo, never);
    return this.#call(`hand over ${nameOf(lease)}`, signal, serve, true);
  }

  release(lease: ShardLease, signal: AbortSignal): Promise<ShardLease | undefined> {
    return this.#call(`release ${nameOf(lease)}`, signal, () => this.#table.release(lease, never), true);
  }

  replace(lease: ShardLease, next: ShardLease, signal: AbortSignal): Promise<boolean> {
    return this.#call(`replace ${nameOf(lease)}`, signal, () => this.#table.replace(lease, next, never));
  }

  remove(lease: ShardLease, signal: AbortSignal): Promise<boolean> {
    return this.#call(`remove ${nameOf(lease)}`, signal, () => this.#table.remove(lease, never));
  }

  #call<T>(what: string, signal: AbortSignal, serve: () => Promise<T>, told = false): Promise<T> {
    const failed = (reason: string): Error =>
      new TidemarkError('STORE_UNAVAILABLE', `${what}: ${reason}`, { retriable: true });
    return this.#link.call({
      ...{ what, signal, serve, told, timeoutMs: callTimeoutMs, unsent: failed },
      unanswered: (reason, cause) =>
        cause === 'aborted'
          ? new TidemarkError('ABORTED', `${what} was aborted`, { retriable: false })
          : failed(reason),
    });
  }
}

function nameOf({ shardId }: ShardLease): string {
  return `lease of shard ${Number(shardId.slice(-12))}`;
}
