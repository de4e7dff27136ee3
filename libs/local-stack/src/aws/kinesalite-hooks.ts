/// <reference types="./emulators.d.ts" />
/*
 * kinesalite keeps its store to itself, and takes its region from the environment of the process, where two regions cannot both be. Its
 * `db.create` is therefore patched once, like dynalite's (see `dynalite-hooks.ts`): without state, and only for instances that carry
 * the hook in their options.
 *
 * A second patch is on each store. The records of five shards share a counter, their sequence numbers are made of it and of the time, in this
 * order, and the first record gets 0: what the iterator of an empty shard has too. That iterator moves on with the time alone, so that a first
 * record written after the clock was set back would lie before it, and never be read. Here the counters begin at 1.
 */
import { messageOf, TidemarkError } from '@tidemark/runtime';
import kinesalite from 'kinesalite';
import createStream from 'kinesalite/actions/createStream.js';
import describeStream from 'kinesalite/actions/describeStream.js';
import putRecords from 'kinesalite/actions/putRecords.js';
import db from 'kinesalite/db/index.js';
import { type Listener } from './listener-call.js';

/** One kinesalite database, as far as it is used here. */
export interface KinesaliteStore {
  readonly metaDb: {
    awsRegion: string;
    awsAccountId: string;
    put(streamName: string, stream: StoredStream, done: (error?: unknown) => void): void;
  };
}

interface StoredStream {
  readonly Shards: readonly unknown[];
  /** The next record's index, by five shards each. */
  readonly _seqIx: (number | null | undefined)[];
}

const shardsOfCounter = 5;

const patchedMark = Symbol.for('@tidemark/local-stack/kinesalite-patched');
const onStoreKey = Symbol.for('@tidemark/local-stack/kinesalite-on-store');

const actions = { createStream, describeStream, putRecords };

export interface KinesaliteInstance {
  readonly listener: Listener;
  /** Runs an action on valid input, without HTTP. Rejects with what a client would be answered. */
  call(action: keyof typeof actions, input: object): Promise<unknown>;
}

/** A Kinesis of its own for `region`, in memory, which listens nowhere. */
export function createKinesalite(region: string, accountId: string): KinesaliteInstance {
  installHook();
  let created: KinesaliteStore | undefined;
  const server = kinesalite({
    createStreamMs: 0,
    deleteStreamMs: 0,
    updateStreamMs: 0,
    shardLimit: 1_000,
    [onStoreKey]: (store: KinesaliteStore) => (created = store),
  });
  const store = created;
  if (store === undefined) throw unsupported('db.create');
  store.metaDb.awsRegion = region;
  store.metaDb.awsAccountId = accountId;
  countFromOne(store);
  const [listener] = server.listeners('request');
  return {
    listener: listener as Listener,
    call: (action, input) =>
      new Promise((resolve, reject) => {
        actions[action](store, input, (error, output) => {
          if (error) reject(error instanceof Error ? error : new Error(messageOf(error)));
          else resolve(output);
        });
      }),
  };
}

function installHook(): void {
  if (Reflect.get(db, patchedMark) === true) return;
  const create = db['create'];
  if (typeof create !== 'function') throw unsupported('db.create');
  const createStore = create as (options: object) => KinesaliteStore;
  db['create'] = (options: object) => {
    const store = createStore(options);
    const onStore = Reflect.get(options, onStoreKey) as ((store: KinesaliteStore) => void) | undefined;
    onStore?.(store);
    return store;
  };
  Reflect.set(db, patchedMark, true);
}

function countFromOne({ metaDb }: KinesaliteStore): void {
  const put = metaDb.put.bind(metaDb);
  metaDb.put = (streamName, stream, done) => {
    const { Shards: shards, _seqIx: counters } = stream;
    const count = Math.max(counters.length, Math.ceil(shards.length / shardsOfCounter));
    for (let index = 0; index < count; index++) counters[index] ||= 1;
    put(streamName, stream, done);
  };
}

function unsupported(name: string): TidemarkError {
  return new TidemarkError('NOT_SUPPORTED', `this version of kinesalite has no ${name}; install 3.3.3`, {
    retriable: false,
    context: { name },
  });
}
