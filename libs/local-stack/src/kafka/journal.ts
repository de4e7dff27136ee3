import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type BrokerState, type CommittedOffset } from './broker-state.js';

type Note =
  | {
      readonly type: 'topic';
      readonly name: string;
      readonly partitions: number;
      readonly configs: Record<string, string>;
    }
  | { readonly type: 'delete-topic'; readonly name: string }
  | { readonly type: 'batch'; readonly topic: string; readonly partition: number }
  | { readonly type: 'truncate'; readonly topic: string; readonly partition: number; readonly before: string }
  | {
      readonly type: 'commit';
      readonly group: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
      readonly metadata: string | null;
    }
  | { readonly type: 'delete-group'; readonly group: string };

/**
 * What a broker must not forget when its process dies: one append-only file of notes, each a length, a JSON head and, for batches, the raw
 * bytes. Written before the request is acknowledged, without fsync: it outlives the process, not the machine. A torn tail is cut off.
 * Replaying rewrites the file with what is still alive, so it does not grow for ever.
 */
export class Journal {
  readonly #path: string;
  #file: number | undefined;

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, 'kafka.journal');
  }

  /** Reads the file into `state`, then starts a new one with what is left. */
  replay(state: BrokerState): void {
    if (existsSync(this.#path))
      for (const { note, body } of readNotes(readFileSync(this.#path))) restore(state, note, body);
    const next = `${this.#path}.next`;
    this.#file = openSync(next, 'w');
    this.#writeAll(state);
    renameSync(next, this.#path);
  }

  topic(name: string, partitions: number, configs: ReadonlyMap<string, string>): void {
    this.#write({ type: 'topic', name, partitions, configs: Object.fromEntries(configs) });
  }

  deleteTopic(name: string): void {
    this.#write({ type: 'delete-topic', name });
  }

  batch(topic: string, partition: number, batch: Buffer): void {
    this.#write({ type: 'batch', topic, partition }, batch);
  }

  truncate(topic: string, partition: number, before: bigint): void {
    this.#write({ type: 'truncate', topic, partition, before: String(before) });
  }

  commit(group: string, topic: string, partition: number, { offset, metadata }: CommittedOffset): void {
    this.#write({ type: 'commit', group, topic, partition, offset: String(offset), metadata });
  }

  deleteGroup(group: string): void {
    this.#write({ type: 'delete-group', group });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #writeAll(state: BrokerState): void {
    if (this.#file !== undefined) ftruncateSync(this.#file);
    for (const name of state.topics.names) {
      const topic = state.topics.get(name);
      if (topic === undefined) continue;
      this.topic(name, topic.partitions.length, topic.configs);
      for (const [partition, log] of topic.partitions.entries()) {
        this.truncate(name, partition, log.start);
        for (const batch of log.batches) this.batch(name, partition, batch);
      }
    }
    for (const [group, offsets] of state.offsets) {
      for (const [id, committed] of offsets) {
        const slash = id.lastIndexOf('/');
        this.commit(group, id.slice(0, slash), Number(id.slice(slash + 1)), committed);
      }
    }
  }

  #write(note: Note, body: Buffer = Buffer.alloc(0)): void {
    if (this.#file === undefined) return;
    const head = Buffer.from(JSON.stringify(note), 'utf8');
    const lengths = Buffer.allocUnsafe(8);
    lengths.writeUInt32BE(head.length, 0);
    lengths.writeUInt32BE(body.length, 4);
    writeSync(this.#file, Buffer.concat([lengths, head, body]));
  }
}

function* readNotes(bytes: Buffer): Generator<{ note: Note; body: Buffer }> {
  let at = 0;
  while (at + 8 <= bytes.length) {
    const headEnd = at + 8 + bytes.readUInt32BE(at);
    const end = headEnd + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) return;
    yield {
      note: JSON.parse(bytes.toString('utf8', at + 8, headEnd)) as Note,
      body: Buffer.from(bytes.subarray(headEnd, end)),
    };
    at = end;
  }
}

function restore(state: BrokerState, note: Note, body: Buffer): void {
  switch (note.type) {
    case 'topic': {
      const configs = new Map(Object.entries(note.configs));
      const topic = state.topics.get(note.name) ?? state.topics.create(note.name, note.partitions, configs);
      topic.configs = configs;
      return state.topics.grow(topic, note.partitions);
    }
    case 'delete-topic':
      state.topics.delete(note.name);
      return;
    case 'batch':
      return state.topics.partition(note.topic, note.partition)?.restore(body);
    case 'truncate':
      return state.topics.partition(note.topic, note.partition)?.restoreStart(BigInt(note.before));
    case 'commit':
      return state.restoreOffset(note.group, note.topic, note.partition, {
        offset: BigInt(note.offset),
        metadata: note.metadata,
      });
    case 'delete-group':
      state.offsets.delete(note.group);
      return;
  }
}
