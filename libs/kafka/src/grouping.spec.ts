/// <reference types="./kafkajs-internals.d.ts" />
import { describe, expect, it } from '@jest/globals';
import groupMessagesPerPartition from 'kafkajs/src/producer/groupMessagesPerPartition.js';
import { type Message } from 'kafkajs';
import { grouping } from './grouping.js';

function messagesOf(...partitions: readonly number[]): Message[] {
  return partitions.map((partition, index) => ({ partition, value: String(index) }));
}

function grouped(messages: Message[]): { groups: unknown; asked: number } {
  let asked = 0;
  const partitioner = ({ message }: { message: Message }): number => {
    asked += 1;
    return message.partition ?? 0;
  };
  const groups = groupMessagesPerPartition({ topic: 't', partitionMetadata: [{}], messages, partitioner });
  return { groups, asked };
}

describe('grouping', () => {
  it('gives the groups that kafkajs makes, in order, and asks it once for each partition', () => {
    for (const partitions of [[], [3], [0, 0, 0], [0, 1, 0, 2, 2, 1, 0]]) {
      const messages = messagesOf(...partitions);
      const { groups, asked } = grouped(grouping([...messages]));
      expect(groups).toEqual(grouped(messages).groups);
      expect(asked).toBe(new Set(partitions).size);
    }
  });

  it('is any other array for any other step', () => {
    const sum = grouping(messagesOf(1, 1, 2)).reduce((total, { partition }) => total + (partition ?? 0), 0);
    expect(sum).toBe(4);
  });
});
