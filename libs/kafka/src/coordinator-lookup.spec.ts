import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { followCoordinator, type Heard } from './coordinator-lookup.js';

const [gone, next] = [{ name: 'gone' }, { name: 'next' }];
const unreachable = (): Error => Object.assign(new Error('Broker 1 not found'), { name: 'KafkaJSBrokerNotFound' });

describe('followCoordinator', () => {
  function bench() {
    const lookUps: { resolve: (of: object) => void; reject: (why: Error) => void }[] = [];
    const membership = { coordinator: gone, offsetManager: { coordinator: gone } } as {
      coordinator: object | null;
      offsetManager: { coordinator: object } | null;
      heartbeat: Heard['heartbeat'];
    };
    let failure: Error | undefined;
    membership.heartbeat = async () => {
      if (failure !== undefined) throw failure;
    };
    followCoordinator(membership, () => new Promise((resolve, reject) => lookUps.push({ resolve, reject })));
    const beat = async (error?: Error): Promise<string> => {
      failure = error;
      return membership.heartbeat({ interval: 1 }).then(
        () => 'answered',
        ({ message }: Error) => message,
      );
    };
    const asked = (): unknown[] => [membership.coordinator, membership.offsetManager?.coordinator];
    return { membership, lookUps, beat, asked };
  }

  it('has heartbeats and commits go to the coordinator that is found, and says that the heartbeat failed', async () => {
    const { lookUps, beat, asked } = bench();
    expect([await beat(unreachable()), asked()]).toEqual(['Broker 1 not found', [gone, gone]]);
    lookUps[0]?.resolve(next);
    await settle();
    expect([await beat(), asked(), lookUps.length]).toEqual(['answered', [next, next], 1]);
  });

  it('looks once at a time, and again at the next failed heartbeat where none was found', async () => {
    const { lookUps, beat, asked } = bench();
    for (let beats = 0; beats < 3; beats += 1) await beat(unreachable());
    expect(lookUps).toHaveLength(1);
    lookUps[0]?.reject(new Error('no coordinator yet'));
    await settle();
    await beat(unreachable());
    lookUps[1]?.resolve(next);
    await settle();
    expect([lookUps.length, asked()]).toEqual([2, [next, next]]);
  });

  it.each(['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP', 'GROUP_LOAD_IN_PROGRESS'])(
    'does not look for one that answers %s',
    async (type) => {
      const { lookUps, beat } = bench();
      await beat(Object.assign(new Error('answered'), { type }));
      expect(lookUps).toHaveLength(0);
    },
  );

  it('leaves a member that has joined meanwhile with the coordinator that it joined at', async () => {
    const { membership, lookUps, beat, asked } = bench();
    await beat(unreachable());
    const third = { name: 'third' };
    membership.coordinator = third;
    membership.offsetManager = { coordinator: third };
    lookUps[0]?.resolve(next);
    await settle();
    expect(asked()).toEqual([third, third]);
  });

  it('finds nothing for a member that has not joined yet', async () => {
    const { membership, lookUps, beat } = bench();
    membership.offsetManager = null;
    await beat(unreachable());
    lookUps[0]?.resolve(next);
    await settle();
    expect(membership.coordinator).toBe(gone);
  });
});
