/** Shards whose pace is remembered. */
const pacesMax = 1_000;

/** The pace of each shard, made when it is first asked for. A shard that is opened again goes on at its pace: its limits are the shard's, not the cursor's. */
export class ShardPaces<Pace> {
  readonly #make: () => Pace;
  /** Least lately asked for first. */
  readonly #paces = new Map<string, Pace>();

  constructor(make: () => Pace) {
    this.#make = make;
  }

  of(shardId: string): Pace {
    const pace = this.#paces.get(shardId) ?? this.#make();
    this.#paces.delete(shardId);
    this.#paces.set(shardId, pace);
    for (const [oldest] of this.#paces) if (this.#paces.size > pacesMax) this.#paces.delete(oldest);
    return pace;
  }
}
