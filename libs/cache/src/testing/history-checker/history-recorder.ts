import {
  type History,
  type Invalidation,
  type Moment,
  type PodLife,
  type Read,
  type Rest,
  type Transition,
  type Write,
  type WriteResult,
} from './history.js';

/** What is known of a read before its answer. */
export type ReadCall = Pick<Read, 'operation' | 'pod' | 'key' | 'watermark' | 'maxStalenessMs' | 'atLeast'>;

/** A read whose answer is awaited; one of the two is called, once. */
export interface OpenRead {
  readonly id: string;
  served(value: string | null, from: 'l1' | 'l2' | 'unknown'): void;
  failed(error: string): void;
}

/** What is known of a write before its answer. */
export type WriteCall = Pick<Write, 'operation' | 'pod' | 'key' | 'condition' | 'tombstone'>;

export interface OpenWrite {
  readonly id: string;
  /** The value to write: the id, so that it is unique; `null` for a deletion. */
  readonly value: string | null;
  /** `version`: the write id that the caller was told. */
  ended(result: WriteResult, version?: string): void;
  /** Every live pod of the region but the silent ones was said to see it. */
  visible(silent?: readonly string[]): void;
}

/** What a replica has become. */
export interface NewState {
  readonly region: string;
  readonly key: string;
  readonly value: string | null;
  /** The write, where the value does not tell. */
  readonly by?: string | undefined;
  readonly version?: string | null | undefined;
  readonly replicated?: boolean;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Records a run in the order of the calls. */
export class HistoryRecorder {
  readonly #nowMs: () => number;
  readonly #lives = new Map<string, Mutable<PodLife>>();
  readonly #reads: Mutable<Read>[] = [];
  readonly #writes = new Map<string, Mutable<Write>>();
  readonly #transitions: Mutable<Transition>[] = [];
  readonly #rests: Rest[] = [];
  readonly #invalidations: Mutable<Invalidation>[] = [];
  /** What each replica holds, by region and key. */
  readonly #values = new Map<string, string | null>();
  #quiet: Moment | undefined;
  #ticks = 0;
  #fresh = 0;

  /** `nowMs`: true time, ms since the epoch. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** `pod` must be unique to this start. */
  started(pod: string, region: string): void {
    if (this.#lives.has(pod)) throw new RangeError(`pod ${pod} has lived before`);
    this.#lives.set(pod, { pod, region, started: this.#now(), ended: undefined });
  }

  ended(pod: string): void {
    const life = this.#lives.get(pod);
    if (life !== undefined) life.ended = this.#now();
  }

  /** From now on others wait for the pod; only the first time counts. */
  registered(pod: string): void {
    const life = this.#lives.get(pod);
    if (life !== undefined) life.registered ??= this.#now();
  }

  read(call: ReadCall): OpenRead {
    const id = `r${this.#reads.length + 1}`;
    const read: Mutable<Read> = {
      ...call,
      id,
      invoked: this.#now(),
      responded: undefined,
      result: { type: 'pending' },
    };
    this.#reads.push(read);
    const end = (result: Read['result']): void => {
      read.responded = this.#now();
      read.result = result;
    };
    return {
      id,
      served: (value, from) => end({ type: 'served', value, from }),
      failed: (error) => end({ type: 'failed', error }),
    };
  }

  /** `operation` `delete` has no value. */
  write(call: WriteCall): OpenWrite {
    const id = `w${this.#writes.size + 1}`;
    const value = call.operation === 'delete' ? null : id;
    const write: Mutable<Write> = {
      ...{ ...call, id, value, invoked: this.#now() },
      ...{ responded: undefined, result: { type: 'pending' } },
    };
    this.#writes.set(id, write);
    const ended: OpenWrite['ended'] = (result, version) => {
      write.responded = this.#now();
      write.result = result;
      write.version = version;
    };
    const visible: OpenWrite['visible'] = (silent = []) => {
      write.visible = [...(write.visible ?? []), { at: this.#now(), silent }];
    };
    return { id, value, ended, visible };
  }

  /** The returned function says that the order was acknowledged. */
  invalidation(pod: string, key: string): () => void {
    const id = `i${this.#invalidations.length + 1}`;
    const invalidation: Mutable<Invalidation> = { id, pod, key, invoked: this.#now(), acknowledged: undefined };
    this.#invalidations.push(invalidation);
    return () => {
      invalidation.acknowledged = this.#now();
    };
  }

  /** A value that no recorded write has: for writers that are not pods. */
  freshValue(): string {
    this.#fresh += 1;
    return `x${this.#fresh}`;
  }

  /**
   * Notes what a replica has become, in the order in which it happens. A change that leaves the value as it is, and one that was made in
   * another region, has no author but the one given.
   */
  transition({ region, key, value, by, version, replicated = false }: NewState): { accepted(): void } {
    const place = `${region}\n${key}`;
    const isNew = !replicated && value !== null && value !== this.#values.get(place) && this.#writes.has(value);
    const author = by ?? (isNew ? value : undefined);
    this.#values.set(place, value);
    const transition: Mutable<Transition> = {
      ...{ region, key, at: this.#now(), value, by: author, acceptedMs: undefined, version, replicated },
    };
    this.#transitions.push(transition);
    return { accepted: () => (transition.acceptedMs ??= this.#nowMs()) };
  }

  /** Nothing is on its way, and nothing will be written. */
  quiet(): void {
    this.#quiet = this.#now();
  }

  /** After `quiet`. */
  rest(pod: string, key: string, held: Rest['held']): void {
    this.#rests.push({ pod, key, at: this.#now(), held });
  }

  history(): History {
    return {
      lives: [...this.#lives.values()],
      reads: [...this.#reads],
      writes: [...this.#writes.values()],
      transitions: [...this.#transitions],
      quiet: this.#quiet,
      rests: [...this.#rests],
      invalidations: [...this.#invalidations],
    };
  }

  #now(): Moment {
    this.#ticks += 1;
    return { tick: this.#ticks, ms: this.#nowMs() };
  }
}
