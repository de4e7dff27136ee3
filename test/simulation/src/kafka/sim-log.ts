import { type KafkaMessage, toKafka } from '@tidemark/kafka/internals';
import { type WireRecord } from '@tidemark/protocol';

/** From which offset on records are of a leader. */
interface LeaderStart {
  readonly epoch: number;
  readonly start: number;
}

/** One partition: records keep their offsets when older ones leave, and remember the epoch of the leader that wrote them. */
export class SimLog {
  readonly #records: WireRecord[] = [];
  readonly #messages: KafkaMessage[] = [];
  readonly #appendedMs: number[] = [];
  /** Offset of the first record that is still there. */
  #base = 0;
  #leaders: readonly LeaderStart[] = [{ epoch: 0, start: 0 }];

  get start(): number {
    return this.#base;
  }

  /** Offset of the next record. */
  get end(): number {
    return this.#base + this.#records.length;
  }

  /** Of the present leader. */
  get leaderEpoch(): number {
    return this.#leaders.at(-1)?.epoch ?? 0;
  }

  append(record: WireRecord, atMs: number): number {
    const offset = this.end;
    this.#records.push(record);
    this.#messages.push(asRead(record, offset));
    this.#appendedMs.push(atMs);
    return offset;
  }

  /** From `offset`, or from the start where that is later. */
  read(offset: number, max: number): readonly WireRecord[] {
    const first = Math.max(0, offset - this.#base);
    return this.#records.slice(first, first + max);
  }

  /** The same records as kafkajs hands them over. */
  messages(offset: number, max: number): readonly KafkaMessage[] {
    const first = Math.max(0, offset - this.#base);
    return this.#messages.slice(first, first + max);
  }

  appendedMs(offset: number): number {
    return this.#appendedMs[offset - this.#base] ?? 0;
  }

  /** Of the leader that wrote the record at `offset`. */
  epochAt(offset: number): number {
    return this.#leaders.findLast(({ start }) => start <= offset)?.epoch ?? 0;
  }

  /** The last epoch up to `epoch` that the log has, and where its records end; `undefined`: no leader of the log has had such an epoch yet. */
  endOfEpoch(epoch: number): { readonly epoch: number; readonly end: number } | undefined {
    if (epoch === this.leaderEpoch) return { epoch, end: this.end };
    const above = this.#leaders.find((each) => each.epoch > epoch);
    if (above === undefined) return undefined;
    const known = this.#leaders.findLast((each) => each.epoch <= epoch);
    return { epoch: known?.epoch ?? epoch, end: above.start };
  }

  /** Offset of the first record that is still there and was appended then or later; the end where there is none. */
  firstSince(ms: number): number {
    const found = this.#appendedMs.findIndex((appendedMs) => appendedMs >= ms);
    return found < 0 ? this.end : this.#base + found;
  }

  /** Drops everything before `offset`; how many records. */
  trim(offset: number): number {
    const count = Math.min(Math.max(0, offset - this.#base), this.#records.length);
    for (const each of [this.#records, this.#messages, this.#appendedMs]) each.splice(0, count);
    this.#base += count;
    return count;
  }

  /** Another leader is elected, whose log ends before `offset`, or where it ended; how many records are lost. */
  elect(offset = this.end): number {
    const kept = Math.max(0, offset - this.#base);
    const lost = Math.max(0, this.#records.length - kept);
    for (const each of [this.#records, this.#messages, this.#appendedMs]) each.splice(kept);
    const epoch = this.leaderEpoch + 1;
    // A leader in whose time nothing was written leaves no trace.
    this.#leaders = [...this.#leaders.filter(({ start }) => start < this.end), { epoch, start: this.end }];
    return lost;
  }
}

function asRead(record: WireRecord, offset: number): KafkaMessage {
  const { key, value, headers } = toKafka(record, 0);
  return { key, value, headers, offset: String(offset) } as unknown as KafkaMessage;
}
