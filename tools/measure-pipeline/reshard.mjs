// Splits and merges of the shards of a stream. `UpdateShardCount` is what kinesalite lacks: a doubling is a split of every open shard.
import {
  DescribeStreamSummaryCommand,
  ListShardsCommand,
  MergeShardsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { kinesisAt } from './load.mjs';
import { until } from './wait.mjs';

const activeMs = 30_000;

/** @typedef {{ id: string, start: bigint, end: bigint }} Shard */

export class Shards {
  #client;
  #StreamName;

  /** @param {import('./load.mjs').StreamAddress} aws */
  constructor({ kinesisEndpoint, streamName }) {
    this.#client = kinesisAt(kinesisEndpoint);
    this.#StreamName = streamName;
  }

  /** Those that are open, by their hash keys. @returns {Promise<readonly Shard[]>} */
  async open() {
    const { Shards: shards = [] } = await this.#client.send(new ListShardsCommand({ StreamName: this.#StreamName }));
    return shards
      .filter(({ SequenceNumberRange: range }) => range?.EndingSequenceNumber === undefined)
      .map(({ ShardId = '', HashKeyRange: range }) => ({
        id: ShardId,
        start: BigInt(range?.StartingHashKey ?? 0),
        end: BigInt(range?.EndingHashKey ?? 0),
      }))
      .sort((a, b) => (a.start < b.start ? -1 : 1));
  }

  /** @param {Shard} shard */
  async split({ id, start, end }) {
    const NewStartingHashKey = ((start + end) / 2n + 1n).toString();
    const input = { StreamName: this.#StreamName, ShardToSplit: id, NewStartingHashKey };
    await this.#client.send(new SplitShardCommand(input));
    await this.#active();
  }

  /** @param {Shard} left @param {Shard} right its neighbour */
  async merge(left, right) {
    const input = { StreamName: this.#StreamName, ShardToMerge: left.id, AdjacentShardToMerge: right.id };
    await this.#client.send(new MergeShardsCommand(input));
    await this.#active();
  }

  async double() {
    for (const shard of await this.open()) await this.split(shard);
  }

  close() {
    this.#client.destroy();
  }

  #active() {
    return until(
      'the stream is active',
      async () => {
        const input = { StreamName: this.#StreamName };
        const { StreamDescriptionSummary } = await this.#client.send(new DescribeStreamSummaryCommand(input));
        return StreamDescriptionSummary?.StreamStatus === 'ACTIVE';
      },
      activeMs,
    );
  }
}
