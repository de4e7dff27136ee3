import { type CdcEvent, type ItemImage } from '@tidemark/protocol';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ChangeTeller } from './cache-change.js';
import { type CacheEvents } from './cache-events.js';
import { defineCache } from './define-cache.js';
import { Listeners } from './listeners.js';
import { trust } from './standard-schema.js';
import { type Transition } from './transition.js';
import { ValueCodec } from './value-codec.js';

const things = defineCache({ name: 'things', table: 'things', schema: trust<string>() });

let teller: ChangeTeller;
let told: string[];
let listeners: Listeners<CacheEvents<unknown>>;

const listen = (): (() => void) =>
  listeners.add('change', ({ key, kind, value }) => told.push([key, kind, value].join(' ').trim()));

beforeEach(() => {
  told = [];
  listeners = new Listeners<CacheEvents<unknown>>(() => undefined);
  teller = new ChangeTeller(listeners, new ValueCodec(things));
});

const image = (writeId: string | null, value: string): ItemImage => ({
  ...{ key: 'things:k', value: JSON.stringify(value), codec: 'json', writeId, expiresAt: null },
  ...{ writtenBy: null, tombstone: false, leaseId: null, leaseUntil: null, loaded: false },
});

const write = (old: ItemImage | undefined, next: ItemImage | undefined): void => {
  const transition: Transition = { table: 'things', itemKey: 'things:k', region: 'here', old, new: next };
  teller.ofWrite('k', transition);
};

const event = (old: ItemImage | undefined, next: ItemImage | undefined, over: Partial<CdcEvent> = {}): void =>
  teller.ofEvent(over.key ?? 'k', {
    ...{ table: 'things', key: 'things:k', stampUs: 1, expiresAt: null, codec: 'json', lane: 'cdc', region: 'here' },
    kind: old === undefined ? 'insert' : next === undefined ? 'remove' : 'modify',
    ...{ from: old?.writeId ?? null, to: next?.writeId ?? null, position: null },
    value: next === undefined ? null : Buffer.from(String(next.value)),
    ...over,
  });

const [one, two, three] = [image('w1', 'one'), image('w2', 'two'), image('w3', 'three')];

describe('changes as listeners are told of them', () => {
  let away: () => void;

  beforeEach(() => {
    away = listen();
  });

  it('are told once, by whichever way they come first', () => {
    event(undefined, one, { lane: 'fast' });
    write(undefined, one);
    event(undefined, one);
    write(one, two);
    event(one, two);
    event(two, undefined);
    write(two, undefined);
    expect(told).toEqual(['k put one', 'k put two', 'k delete']);
  });

  it('never end with a value that was overwritten: an older change that comes last is unknown', () => {
    event(one, two, { lane: 'fast' });
    write(undefined, one);
    event(two, three);
    event(three, undefined);
    expect(told).toEqual(['k put two', 'k unknown', 'k unknown', 'k delete']);
  });

  it('of a removed item that come late are unknown, too', () => {
    event(two, undefined);
    event(one, two);
    expect(told).toEqual(['k delete', 'k unknown']);
  });

  it('without write ids are told each time, a removal until the next change', () => {
    const foreign = image(null, 'foreign');
    for (let round = 0; round < 2; round += 1) {
      event(undefined, foreign);
      write(foreign, undefined);
      event(foreign, undefined);
    }
    expect(told).toEqual(['k put foreign', 'k delete', 'k put foreign', 'k delete']);
  });

  it('follow nothing that happened while nobody listened', () => {
    event(undefined, one);
    away();
    event(one, two);
    listen();
    event(two, three);
    expect(told).toEqual(['k put one', 'k put three']);
  });

  it('follow nothing once their key is among the last 10,000 no more', () => {
    event(one, two);
    for (let other = 0; other < 10_000; other += 1)
      event(undefined, image(`w${other}`, 'x'), { key: `other ${other}` });
    told.length = 0;
    event(undefined, one);
    expect(told).toEqual(['k put one']);
  });
});
