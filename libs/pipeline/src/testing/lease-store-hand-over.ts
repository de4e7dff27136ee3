import assert from 'node:assert/strict';
import { type ContractCase } from '@tidemark/runtime/testing';
import { type LeaseStore } from '../ports.js';
import { lease, sorted, taken } from './lease-store-steps.js';

const { signal } = new AbortController();

/** What every lease store does when a lease is asked for and handed over. */
export function handOverCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'asks for a lease: the counter stays, and its owner can write no more, and is told why',
      run: async () => {
        const { store, row } = await taken(make);
        const asked = await store.ask(row, 'next', signal);
        assert.deepEqual(asked, { ...row, owner: 'next', checkpointOwner: 'owner' });
        assert.deepEqual(await store.renew(row, 99, signal), asked);
        assert.deepEqual(await store.checkpoint(row, '999', 99, signal), asked);
        assert.deepEqual(await store.release(row, signal), asked);
        assert.deepEqual(await sorted(store), [asked]);
      },
    },
    {
      name: 'hands over: with the last checkpoint, what was read and what is owed, and then it is a lease like any',
      run: async () => {
        const { store, row } = await taken(make);
        const asked = await store.ask(row, 'next', signal);
        assert.ok(asked);
        const over = await store.handOver({ ...asked, owes: ['users'] }, '123', 70.5, signal);
        const { checkpointOwner: _, ...rest } = asked;
        const written = {
          checkpoint: '123',
          writtenCheckpoint: '123',
          ownerSwitches: 0,
          readUpTo: 70,
          owes: ['users'],
        };
        assert.deepEqual(over, { ...rest, ...written, counter: row.counter + 1 });
        assert.deepEqual(await sorted(store), [over]);
        assert.ok(over);
        const mine = await store.take(over, 'next', signal);
        assert.ok(mine);
        assert.equal((await store.renew(mine, 80, signal))?.readUpTo, 80);
      },
    },
    {
      name: 'hands over what was not read any further',
      run: async () => {
        const { store, row } = await taken(make);
        const asked = await store.ask(row, 'next', signal);
        assert.ok(asked);
        const over = await store.handOver(asked, asked.checkpoint, null, signal);
        const { checkpointOwner: _, ...rest } = asked;
        assert.deepEqual(over, { ...rest, counter: row.counter + 1 });
      },
    },
    {
      name: 'writes which shards follow one that is read to its end',
      run: async () => {
        const { store, row } = await taken(make);
        const ended = await store.checkpoint({ ...row, children: ['s2', 's3'] }, 'SHARD_END', 5, signal);
        assert.deepEqual(ended?.children, ['s2', 's3']);
        assert.deepEqual(await sorted(store), [ended]);
      },
    },
  ];
}

/** What it does to those that ask, or hand over, where they may not. */
export function askedCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'asks once, and for nothing that is free, ended, its own or changed since',
      run: async () => {
        const store = await make();
        const free = lease('s1');
        const ended = lease('s2', { owner: 'owner', checkpoint: 'SHARD_END' });
        const held = lease('s3', { owner: 'owner', counter: 4 });
        for (const row of [free, ended, held]) await store.create(row, signal);
        for (const row of [free, ended, { ...held, counter: 3 }, { ...held, owner: 'other' }])
          assert.equal(await store.ask(row, 'next', signal), undefined);
        assert.equal(await store.ask(held, 'owner', signal), undefined);
        const asked = await store.ask(held, 'next', signal);
        assert.ok(asked);
        assert.equal(await store.ask(held, 'third', signal), undefined);
        assert.equal(await store.ask(asked, 'third', signal), undefined);
        assert.deepEqual(await sorted(store), [free, ended, asked]);
      },
    },
    {
      name: 'hazard 33: takes a lease from whoever does not hand it over, who then cannot any more',
      run: async () => {
        const { store, row } = await taken(make);
        const asked = await store.ask(row, 'next', signal);
        assert.ok(asked);
        const forced = await store.take(asked, 'third', signal);
        const { checkpointOwner: _, ...rest } = asked;
        assert.deepEqual(forced, { ...rest, owner: 'third', counter: row.counter + 1, ownerSwitches: 2 });
        assert.equal(await store.handOver(asked, '999', 99, signal), undefined);
        assert.equal(await store.renew(row, 99, signal), undefined);
        assert.deepEqual(await sorted(store), [forced]);
      },
    },
    {
      name: 'hazard 33: whoever was not asked hands nothing over',
      run: async () => {
        const { store, row } = await taken(make);
        const asked = await store.ask(row, 'next', signal);
        assert.ok(asked);
        assert.equal(await store.handOver({ ...asked, checkpointOwner: 'third' }, '999', 99, signal), undefined);
        assert.deepEqual(await sorted(store), [asked]);
      },
    },
  ];
}

/** What it does where a release that knows of no hand-over has taken a lease that was asked for: whoever was asked is still named in the row. */
export function leftNamedCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'refuses what an owner writes where somebody else is still named as asked',
      run: async () => {
        const store = await make();
        const row = lease('s1', { owner: 'owner', checkpointOwner: 'other', counter: 4, ownerSwitches: 1 });
        await store.create(row, signal);
        assert.equal(await store.renew(row, 99, signal), undefined);
        assert.equal(await store.checkpoint(row, 'SHARD_END', 99, signal), undefined);
        assert.equal(await store.release(row, signal), undefined);
        assert.deepEqual(await sorted(store), [row]);
      },
    },
    {
      name: 'writes what an ended row owes, and takes out who is still named there as asked',
      run: async () => {
        for (const checkpointOwner of ['other', 'owner']) {
          const store = await make();
          const ended = lease(`s-${checkpointOwner}`, {
            owner: 'owner',
            checkpoint: 'SHARD_END',
            counter: 4,
            readUpTo: 5,
          });
          const row = { ...ended, writtenCheckpoint: 'SHARD_END', owes: ['orders', 'users'] };
          await store.create({ ...row, checkpointOwner }, signal);
          const settled = await store.renew({ ...row, checkpointOwner, owes: ['users'] }, 5, signal);
          assert.deepEqual(settled, { ...row, owes: ['users'], counter: 5 });
          assert.deepEqual(
            (await sorted(store)).find(({ shardId }) => shardId === row.shardId),
            settled,
          );
        }
      },
    },
  ];
}
