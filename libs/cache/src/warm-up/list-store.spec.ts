import { randomBytes } from 'node:crypto';
import { brotliCompressSync, constants } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { WriteClock } from '@tidemark/protocol';
import { eventually, ManualClock } from '@tidemark/runtime/testing';
import { FakeStore } from '../testing/fake-store.js';
import { listKeysMax } from './hot-key-list.js';
import { encodeHeader, listCodec } from './list-parts.js';
import { ListStore } from './list-store.js';

const itemKey = '_tidemark:hot-keys:things:here';

const listsOf = (store: FakeStore, clock: ManualClock): ListStore =>
  new ListStore({
    ...{ store, table: 'things', cache: 'things', region: 'here', clock, timeoutMs: 1_000, newLeaseId: () => 'l' },
    writeClock: new WriteClock('00000000000000ff', () => clock.now()),
  });

describe('a list that is written', () => {
  it('is read as it was, with a key that is hot in its place among those used last, too', async () => {
    const clock = new ManualClock();
    const lists = listsOf(new FakeStore({ clock }), clock);
    const list = {
      at: clock.now(),
      hot: [{ key: 'b', rate: 5 }],
      recent: ['a', 'b', 'c'].map((key) => ({ key, age: key === 'c' ? 1 : 0 })),
    };
    const written = lists.write(list, new AbortController().signal);
    await clock.advance(0);
    await eventually('the list', async () => {
      await clock.advance(100);
      return (await lists.header('here')) !== undefined;
    });
    await written;
    expect(await lists.read('here')).toEqual(list);
  });

  it('takes no more than 100 KiB of its table in a second, whatever its size', async () => {
    const clock = new ManualClock();
    const beganMs = clock.monotonicMs();
    const recent = Array.from({ length: 12_000 }, () => ({ key: randomBytes(36).toString('base64'), age: 0 }));
    let bytes: number | undefined;
    const written = listsOf(new FakeStore({ clock }), clock)
      .write({ at: clock.now(), hot: [], recent }, new AbortController().signal)
      .then((total) => (bytes = total));
    await eventually('the list is written', async () => {
      await clock.advance(10);
      return bytes !== undefined;
    });
    expect(await written).toBeGreaterThan(400 * 1_024);
    expect(clock.monotonicMs() - beganMs).toBeGreaterThanOrEqual((await written) / 102.4);
  });
});

describe('a list that others than Tidemark wrote', () => {
  it('is read no further than a list may be long, however much its few bytes unpack to', async () => {
    const clock = new ManualClock();
    const store = new FakeStore({ clock });
    const write = (key: string, value: { S: string } | { B: Uint8Array }): void =>
      store.writeItem('things', { key: { S: key }, value, codec: { S: listCodec } });
    const parts = 4;
    write(itemKey, { S: encodeHeader({ at: clock.now(), parts }) });
    for (let part = 0; part < parts; part += 1) {
      const recent = Array.from({ length: listKeysMax / 2 }, (_, at) => `${part}-${at}`);
      const text = JSON.stringify({ hot: [], recent, ages: [] });
      const bytes = brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
      write(`${itemKey}:${part}`, { B: bytes });
    }
    const list = await listsOf(store, clock).read('here');
    expect(list?.recent.length).toBe(listKeysMax);
  });
});
