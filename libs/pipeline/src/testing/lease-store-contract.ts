import assert from 'node:assert/strict';
import { type ContractCase } from '@tidemark/runtime/testing';
import { type LeaseStore } from '../ports.js';
import { askedCases, handOverCases, leftNamedCases } from './lease-store-hand-over.js';
import { lease, sorted, taken } from './lease-store-steps.js';

const { signal } = new AbortController();

/** What every lease store does; `make` gives an empty one for each case. */
export function leaseStoreContract(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  const writes = [claimCases, writeCases, refusalCases, ownershipCases, namesakeCases];
  const handOvers = [handOverCases, askedCases, leftNamedCases];
  return [rowCases, goneCases, ...writes, ...handOvers, debtCases].flatMap((cases) => cases(make));
}

function rowCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'lists every row with all of its fields',
      run: async () => {
        const store = await make();
        const rows = [
          lease('s1', {
            checkpoint: '49590338271490256608559692538361571095921575989136588898',
            counter: 9,
            readUpTo: 12,
          }),
          lease('s2', { parents: ['s0', 's1'], owner: 'w', ownerSwitches: 3, startHash: '17', endHash: '18' }),
          lease('s3', { checkpoint: 'SHARD_END', parents: ['s2'] }),
          lease('s4', { streamId: '', writtenCheckpoint: null }),
          lease('s5', { owes: ['orders', 'users'], retentionMs: 86_400_000 }),
          lease('s6', { owner: 'w', checkpointOwner: 'v', children: ['s7', 's8'] }),
        ];
        for (const row of rows) assert.equal(await store.create(row, signal), true);
        assert.deepEqual(await sorted(store), rows);
      },
    },
    {
      name: 'lists more rows than fit one answer',
      run: async () => {
        const store = await make();
        const shardIds = Array.from({ length: 120 }, (_, index) => `s${String(index).padStart(3, '0')}`);
        for (const shardId of shardIds) await store.create(lease(shardId), signal);
        assert.deepEqual(
          (await sorted(store)).map((row) => row.shardId),
          shardIds,
        );
      },
    },
    {
      name: 'creates a row once and leaves the one that is there',
      run: async () => {
        const store = await make();
        const first = lease('s1', { readUpTo: 5 });
        assert.equal(await store.create(first, signal), true);
        assert.equal(await store.create(lease('s1', { counter: 4 }), signal), false);
        assert.deepEqual(await sorted(store), [first]);
      },
    },
  ];
}

function goneCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'removes the row that was seen, and no other',
      run: async () => {
        const store = await make();
        const open = lease('s1');
        const ended = lease('s2', { checkpoint: 'SHARD_END', counter: 2 });
        await store.create(open, signal);
        await store.create(ended, signal);
        assert.equal(await store.remove({ ...ended, counter: 1 }, signal), false);
        assert.equal(await store.remove({ ...ended, checkpoint: '7' }, signal), false);
        assert.equal(await store.remove(ended, signal), true);
        assert.equal(await store.remove(ended, signal), false);
        assert.deepEqual(await sorted(store), [open]);
      },
    },
    {
      name: 'hazard 51: puts a row in the place of one of another stream, which leaves nothing behind',
      run: async () => {
        const { store, row } = await taken(make);
        const read = await store.checkpoint(row, '123', 70, signal);
        assert.ok(read);
        const next = lease('s1', { streamId: 'stream:2' });
        assert.equal(await store.replace(row, next, signal), false);
        assert.equal(await store.replace(read, next, signal), true);
        assert.deepEqual(await sorted(store), [{ ...next, counter: read.counter + 1 }]);
        assert.equal(await store.renew(read, 80, signal), undefined);
        assert.equal(await store.replace(read, next, signal), false);
      },
    },
  ];
}

function claimCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'puts a claim in the place of one that its owner does not make any more: a clock was ahead',
      run: async () => {
        const { store, row } = await taken(make);
        const ahead = await store.renew(row, 360_000, signal);
        assert.ok(ahead);
        const renewed = await store.renew({ ...ahead, readUpTo: null }, 70, signal);
        assert.deepEqual(renewed, { ...ahead, counter: ahead.counter + 1, readUpTo: 70 });
        const again = await store.checkpoint({ ...renewed, readUpTo: null }, '123', 60, signal);
        assert.ok(again);
        assert.equal(again.readUpTo, 60);
        const none = await store.renew({ ...again, readUpTo: null }, null, signal);
        assert.deepEqual(none, { ...again, counter: again.counter + 1, readUpTo: null });
        assert.deepEqual(await sorted(store), [none]);
      },
    },
  ];
}

function writeCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'renews: the counter grows, and what was read never goes back',
      run: async () => {
        const { store, row } = await taken(make);
        const first = await store.renew(row, 70, signal);
        assert.deepEqual(first, { ...row, counter: row.counter + 1, readUpTo: 70 });
        assert.ok(first);
        const second = await store.renew(first, 60, signal);
        assert.deepEqual(second, { ...first, counter: first.counter + 1 });
        assert.ok(second);
        const third = await store.renew(second, null, signal);
        assert.deepEqual(third, { ...second, counter: second.counter + 1 });
        assert.deepEqual(await sorted(store), [third]);
      },
    },
    {
      name: 'checkpoints: with what was read up to, and the switches start anew',
      run: async () => {
        const { store, row } = await taken(make);
        const written = await store.checkpoint(row, '123', 70, signal);
        assert.deepEqual(written, {
          ...row,
          counter: row.counter + 1,
          checkpoint: '123',
          writtenCheckpoint: '123',
          ownerSwitches: 0,
          readUpTo: 70,
        });
        assert.deepEqual(await sorted(store), [written]);
      },
    },
    {
      name: 'hazard 51: keeps it visible that somebody has reset a checkpoint until more is claimed',
      run: async () => {
        const store = await make();
        const reset = lease('s1', { owner: 'owner', checkpoint: '9', writtenCheckpoint: '3', readUpTo: 50 });
        await store.create(reset, signal);
        const renewed = await store.renew(reset, 50, signal);
        assert.deepEqual(renewed, { ...reset, counter: 1 });
        assert.ok(renewed);
        const claimed = await store.renew(renewed, 60.7, signal);
        assert.deepEqual(claimed, { ...renewed, counter: 2, readUpTo: 60, writtenCheckpoint: '9' });
        assert.deepEqual(await sorted(store), [claimed]);
      },
    },
    {
      name: 'marks the end of a shard',
      run: async () => {
        const { store, row } = await taken(make);
        assert.equal((await store.checkpoint(row, 'SHARD_END', null, signal))?.checkpoint, 'SHARD_END');
      },
    },
  ];
}

function refusalCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'hazard 33: refuses every write of an owner whose lease was taken',
      run: async () => {
        const { store, row } = await taken(make);
        const stolen = await store.take(row, 'thief', signal);
        assert.equal(await store.renew(row, 99, signal), undefined);
        assert.equal(await store.checkpoint(row, '999', 99, signal), undefined);
        assert.equal(await store.release(row, signal), undefined);
        assert.deepEqual(await sorted(store), [stolen]);
      },
    },
    {
      name: 'refuses writes under the owner’s old counter after it has lost and regained the lease',
      run: async () => {
        const { store, row } = await taken(make);
        const stolen = await store.take(row, 'thief', signal);
        assert.ok(stolen);
        const regained = await store.take(stolen, 'owner', signal);
        assert.ok(regained);
        assert.equal(await store.checkpoint(row, '999', 99, signal), undefined);
        assert.deepEqual(await sorted(store), [regained]);
      },
    },
    {
      name: 'refuses writes of a row that is gone',
      run: async () => {
        const store = await make();
        const row = lease('s1', { owner: 'owner' });
        assert.equal(await store.renew(row, null, signal), undefined);
        assert.equal(await store.checkpoint(row, '1', null, signal), undefined);
        assert.equal(await store.take(row, 'x', signal), undefined);
        assert.deepEqual(await store.list(signal), []);
      },
    },
  ];
}

function ownershipCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'takes a free row and a row of somebody else, counting the switches',
      run: async () => {
        const store = await make();
        const free = lease('s1', { readUpTo: 5, checkpoint: '7' });
        await store.create(free, signal);
        const mine = await store.take(free, 'me', signal);
        assert.deepEqual(mine, { ...free, owner: 'me', counter: 1, ownerSwitches: 1 });
        assert.ok(mine);
        const theirs = await store.take(mine, 'them', signal);
        assert.deepEqual(theirs, { ...mine, owner: 'them', counter: 2, ownerSwitches: 2 });
      },
    },
    {
      name: 'lets one of many who take at once have it',
      run: async () => {
        const store = await make();
        const free = lease('s1');
        await store.create(free, signal);
        const takers = Array.from({ length: 8 }, (_, index) => `w${index}`);
        const results = await Promise.all(takers.map((owner) => store.take(free, owner, signal)));
        const winners = results.filter((row) => row !== undefined);
        assert.equal(winners.length, 1);
        assert.deepEqual(await sorted(store), winners);
      },
    },
    {
      name: 'does not take a row whose owner has just renewed it',
      run: async () => {
        const { store, row } = await taken(make);
        const renewed = await store.renew(row, null, signal);
        assert.equal(await store.take(row, 'thief', signal), undefined);
        assert.deepEqual(await sorted(store), [renewed]);
      },
    },
    {
      name: 'releases: nobody owns it, and the counter grows',
      run: async () => {
        const { store, row } = await taken(make);
        const freed = await store.release(row, signal);
        assert.deepEqual(freed, { ...row, owner: null, counter: row.counter + 1 });
        assert.deepEqual(await sorted(store), [freed]);
      },
    },
    {
      name: 'does nothing for a call that is aborted already',
      run: async () => {
        const { store, row } = await taken(make);
        const aborter = new AbortController();
        aborter.abort();
        await assert.rejects(store.renew(row, 5, aborter.signal), { code: 'ABORTED' });
        await assert.rejects(store.list(aborter.signal), { code: 'ABORTED' });
        assert.deepEqual(await sorted(store), [row]);
      },
    },
  ];
}

function namesakeCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'refuses an owner whose lease another process of the same name has taken',
      run: async () => {
        const { store, row } = await taken(make);
        const next = await store.take(row, row.owner ?? '', signal);
        assert.equal(await store.checkpoint(row, '5', 80, signal), undefined);
        assert.equal(await store.renew(row, 80, signal), undefined);
        assert.deepEqual(await sorted(store), [next]);
      },
    },
    {
      name: 'writes for how long records were kept, as the owner says it, and leaves it where nothing is said',
      run: async () => {
        const { store, row } = await taken(make);
        const renewed = await store.renew({ ...row, retentionMs: 86_400_000 }, 5, signal);
        assert.equal(renewed?.retentionMs, 86_400_000);
        const checkpointed = await store.checkpoint({ ...renewed, retentionMs: 172_800_000 }, '7', 6, signal);
        assert.equal(checkpointed?.retentionMs, 172_800_000);
        const { retentionMs: _, ...silent } = checkpointed;
        assert.equal((await store.renew(silent, 7, signal))?.counter, checkpointed.counter + 1);
        assert.equal((await sorted(store))[0]?.retentionMs, 172_800_000);
      },
    },
  ];
}

function debtCases(make: () => Promise<LeaseStore>): readonly ContractCase[] {
  return [
    {
      name: 'writes what is owed with every renewal and checkpoint, keeps it when the lease is taken or given back, and removes it when it is settled',
      run: async () => {
        const { store, row } = await taken(make);
        const owing = await store.checkpoint({ ...row, owes: ['orders', 'users'] }, '7', 5, signal);
        assert.deepEqual(owing?.owes, ['orders', 'users']);
        const freed = await store.release(owing, signal);
        assert.deepEqual(freed?.owes, ['orders', 'users']);
        const next = await store.take(freed, 'next', signal);
        assert.deepEqual(next?.owes, ['orders', 'users']);
        const less = await store.renew({ ...next, owes: ['users'] }, 6, signal);
        assert.deepEqual(await sorted(store), [{ ...next, owes: ['users'], counter: next.counter + 1, readUpTo: 6 }]);
        assert.ok(less);
        const settled = await store.renew({ ...less, owes: [] }, 6, signal);
        assert.equal(settled?.owes, undefined);
        assert.deepEqual(await sorted(store), [settled]);
      },
    },
  ];
}
