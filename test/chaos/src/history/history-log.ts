import { type History, HistoryRecorder, type OpenRead, type OpenWrite } from '@tidemark/cache/testing';
import { type AppliedWrite } from '@tidemark/local-stack';
import { attributes } from '@tidemark/protocol';
import { cacheName, machineMs, maxStalenessMs, type PodEvent } from '../pod-protocol.js';

interface Entry {
  readonly atMs: number;
  readonly play: (stage: Stage) => void;
}

/** What the events of a replay refer to. */
interface Stage {
  readonly recorder: HistoryRecorder;
  readonly reads: Map<string, OpenRead>;
  readonly writes: Map<string, OpenWrite>;
  /** What the recorder calls a value that a pod wrote. */
  readonly values: Map<string, string>;
}

/**
 * What the processes of a machine did and saw. Each stamps its own with the one monotonic clock of the machine; the recorder is told of
 * all in that order, as if one process had watched.
 */
export class HistoryLog {
  readonly #entries: Entry[] = [];
  /** The deletions that were acknowledged, by write id: their items say no more than that. */
  readonly #deletions = new Map<string, string>();
  readonly #epochMs = Date.now() - machineMs();

  /** Call from where the write was applied. Returns what is to be called once the stream has its change record. */
  applied({ region, keys, newItem, isReplicated }: AppliedWrite): (() => void) | undefined {
    const key = keyOf(keys[attributes.key]?.['S']);
    if (key === undefined) return undefined;
    const value = valueOf(newItem?.[attributes.value]?.['S']);
    const version = textOf(newItem?.[attributes.writeId]?.['S']);
    let accepted: () => void = () => undefined;
    this.#add(machineMs(), ({ recorder, writes, values }) => {
      const by = value === null && version !== null ? writes.get(this.#deletions.get(version) ?? '')?.id : undefined;
      const known = value === null ? null : (values.get(value) ?? value);
      const change = { region, key, value: known, by, version, replicated: isReplicated };
      ({ accepted } = recorder.transition(change));
    });
    return () => this.#add(machineMs(), () => accepted());
  }

  podStarted(life: string, region: string): void {
    this.#add(machineMs(), ({ recorder }) => recorder.started(life, region));
  }

  podEnded(life: string): void {
    this.#add(machineMs(), ({ recorder }) => recorder.ended(life));
  }

  podEvents(life: string, events: readonly PodEvent[]): void {
    for (const event of events) {
      const id = `${life}#${event.id}`;
      if (event.type === 'wrote' && event.version !== null) this.#deletions.set(event.version, id);
      this.#add(event.at, (stage) => play(event, life, id, stage));
    }
  }

  /** From now on nothing is on its way, and nothing is written. */
  quiet(): void {
    this.#add(machineMs(), ({ recorder }) => recorder.quiet());
  }

  rest(life: string, key: string, held: string | null | undefined): void {
    this.#add(machineMs(), ({ recorder, values }) => {
      if (held === undefined) return recorder.rest(life, key, undefined);
      recorder.rest(life, key, { value: held === null ? null : (values.get(held) ?? held) });
    });
  }

  history(): History {
    let nowMs = 0;
    const recorder = new HistoryRecorder(() => nowMs);
    const stage: Stage = { recorder, reads: new Map(), writes: new Map(), values: new Map() };
    for (const { atMs, play } of [...this.#entries].sort((a, b) => a.atMs - b.atMs)) {
      nowMs = atMs + this.#epochMs;
      play(stage);
    }
    return recorder.history();
  }

  #add(atMs: number, play: (stage: Stage) => void): void {
    this.#entries.push({ atMs, play });
  }
}

function play(event: PodEvent, pod: string, id: string, stage: Stage): void {
  switch (event.type) {
    case 'read':
    case 'served':
    case 'failed':
      return playRead(event, pod, id, stage);
    case 'write':
    case 'wrote':
      return playWrite(event, pod, id, stage);
  }
}

type ReadEvent = Extract<PodEvent, { readonly type: 'read' | 'served' | 'failed' }>;

function playRead(event: ReadEvent, pod: string, id: string, { recorder, reads, values }: Stage): void {
  if (event.type === 'failed') return reads.get(id)?.failed(event.code);
  if (event.type === 'served') {
    const { value, from } = event;
    return reads.get(id)?.served(value === null ? null : (values.get(value) ?? value), from);
  }
  const { key, watermark } = event;
  reads.set(id, recorder.read({ operation: 'get', pod, key, watermark, maxStalenessMs }));
}

type WriteEvent = Extract<PodEvent, { readonly type: 'write' | 'wrote' }>;

function playWrite(event: WriteEvent, pod: string, id: string, { recorder, writes, values }: Stage): void {
  if (event.type === 'wrote') {
    const { result, reason, version } = event;
    return writes
      .get(id)
      ?.ended(result === 'refused' ? { type: result, reason } : { type: result }, version ?? undefined);
  }
  const { operation, key, condition, value } = event;
  const tombstone = operation === 'delete';
  const write = recorder.write({ operation, pod, key, tombstone, condition: condition ?? undefined });
  if (value !== null) values.set(value, write.id);
  writes.set(id, write);
}

/** The key of an item of the pods' cache; `undefined` for an item of anybody else. */
function keyOf(itemKey: unknown): string | undefined {
  const prefix = `${cacheName}:`;
  return typeof itemKey === 'string' && itemKey.startsWith(prefix) ? itemKey.slice(prefix.length) : undefined;
}

/** The value as pods hold it; text that is no JSON as it stands. */
function valueOf(stored: unknown): string | null {
  if (typeof stored !== 'string') return null;
  try {
    return String(JSON.parse(stored));
  } catch {
    return stored;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
