import { decodeRecord, type WireRecord } from '@tidemark/protocol';
import { type Region } from '../world/region.js';
import { type SimLog } from './sim-log.js';

/** Deletes a topic; the returned function makes it anew, empty, or with records up to `beyond` its old end. */
export function deleteTopic({ kafka, noteOtherLog }: Region, topic: string, beyond?: number): () => void {
  const before = kafka.partitions(topic);
  noteOtherLog(topic);
  kafka.deleteTopic(topic);
  return () => {
    // An admin that misses a topic makes it, too.
    if (!kafka.has(topic)) kafka.createTopic(topic, before.length);
    if (beyond === undefined) return;
    for (const [partition, log] of before.entries()) fill(kafka, topic, partition, log.end + beyond, fillerOf(log));
  };
}

/** A leader is elected whose log ends before `at`, and goes on, to `beyond` the old end where that is given; how many records are lost. */
export function electLeader(
  { kafka, noteOtherLog }: Region,
  topic: string,
  partition: number,
  at: number,
  beyond?: number,
): number {
  const log = kafka.log(topic, partition);
  const [{ end }, filler] = [log, fillerOf(log)];
  noteOtherLog(topic, partition, at);
  const lost = kafka.elect(topic, partition, at);
  if (beyond !== undefined) fill(kafka, topic, partition, end + beyond, filler.slice(-1));
  return lost;
}

/** Appends what may stand in a log of the kind, until it ends there; the last of it again and again, for no writer goes back to an older route. */
export function fill(
  kafka: Region['kafka'],
  topic: string,
  partition: number,
  end: number,
  filler = fillerOf(kafka.log(topic, partition)),
): void {
  const log = kafka.log(topic, partition);
  for (let index = 0; filler.length > 0 && log.end < end; index += 1)
    kafka.append(topic, partition, filler[Math.min(index, filler.length - 1)] as WireRecord);
}

/** What may stand in the log: all of its routes, which a mirror brings back, or its last watermark, as one that is sent again. */
function fillerOf(log: SimLog): readonly WireRecord[] {
  const records = log.read(0, Infinity);
  const last = records.findLast((record) => isWatermark(record));
  if (last !== undefined) return [last];
  return records.every(({ header }) => header === null) ? records : [];
}

function isWatermark(record: WireRecord): boolean {
  const decoded = decodeRecord(record);
  return decoded.type === 'control' && decoded.record.control === 'watermark';
}
