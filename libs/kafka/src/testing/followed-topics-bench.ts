import { type Admin } from 'kafkajs';
import { FollowedTopics, type TailedTopic } from '../followed-topics.js';

export const cache: TailedTopic = { from: 'end', compacted: false };
export const table: TailedTopic = { from: 'start', compacted: true };

/** Topics that are followed, on brokers that have what `log` says. */
export function followedTopics() {
  const log = new Map<string, [low: number, high: number][]>();
  const gaps: string[] = [];
  const resets: string[] = [];
  const absent: string[] = [];
  const grown: string[] = [];
  const moves: string[] = [];
  /** Where it is not told, brokers tell no ids. */
  const ids = new Map<string, string>();
  let leaderEpoch = 3;
  const followed = new FollowedTopics({
    onGap: (topic, partition) => gaps.push(`${topic}/${partition}`),
    onReset: (topic) => resets.push(topic),
    onAbsent: (topic) => absent.push(topic),
    onGrowth: (topic, count) => grown.push(`${topic} ${count}`),
    onMove: (topic, partition, position) => moves.push(`${topic}/${partition} ${position}`),
    onChange: () => undefined,
  });
  let duringLook: () => void | Promise<void> = () => undefined;
  const admin = {
    fetchTopicMetadata: async ({ topics: [name = ''] }: { topics: string[] }) => {
      const [topicId, partitions] = [ids.get(name), log.get(name)];
      if (partitions === undefined) throw Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return {
        topics: [{ name, partitions: partitions.map((_, partitionId) => ({ partitionId, topicId, leaderEpoch })) }],
      };
    },
    fetchTopicOffsets: async (topic: string) => {
      const partitions = log.get(topic);
      await duringLook();
      if (partitions === undefined) throw Object.assign(new Error('none'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });
      return partitions.map(([low, high], partition) => ({
        partition,
        offset: String(high),
        low: String(low),
        high: String(high),
      }));
    },
    fetchTopicOffsetsByTimestamp: async (topic: string, sinceMs: number) =>
      (log.get(topic) ?? []).map((_, partition) => ({ partition, offset: String(sinceMs + partition) })),
  } as unknown as Admin;
  const look = (...topics: string[]): Promise<void> => followed.survey(admin, topics);
  const whileLooking = (fn: () => void | Promise<void>): void => void (duringLook = fn);
  /** A look that is answered with what there was before another one, which begins later. */
  const lookAcross = async (topic: string, meanwhile: () => void | Promise<void>): Promise<void> => {
    whileLooking(() => {
      whileLooking(() => undefined);
      return meanwhile();
    });
    await look(topic);
  };
  const elect = (): void => void (leaderEpoch += 1);
  return { ids, elect, moves, log, gaps, resets, absent, grown, followed, look, lookAcross, whileLooking };
}

/** With ids, and read up to offset 20: topic c of two partitions, and table t of one. */
export async function followedTo20() {
  const topics = followedTopics();
  const { log, ids, followed, look } = topics;
  followed.want(
    new Map([
      ['c', cache],
      ['t', table],
    ]),
  );
  ids.set('c', 'c-1').set('t', 't-1');
  log.set('c', [
    [0, 20],
    [0, 20],
  ]);
  log.set('t', [[0, 20]]);
  await look('c', 't');
  followed.positions.move('t', 0, 20n, 3);
  return topics;
}
