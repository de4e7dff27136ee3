import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { absent, FakeWorld, held } from '../test/fake-world.js';
import { divergentKeys } from './divergence.js';

const admin = { roles: ['admin'] };
const editor = { roles: ['editor'] };

describe('divergent keys', () => {
  let fake: FakeWorld;

  beforeEach(async () => {
    fake = await FakeWorld.start(2);
    fake.write('a', admin);
    fake.write('b', editor);
  });

  afterEach(() => fake.stop());

  const hold = (pod: number, key: string, entry: ReturnType<typeof held>): void =>
    void fake.pods[pod]?.l1.set(key, entry);
  const store = (region: number, key: string, value: string): void =>
    void fake.tables[region]?.set(`permissions:${key}`, value);
  const divergent = (...keys: string[]): Promise<readonly string[]> => divergentKeys(fake.world, keys);

  it('are none where pods hold what their table has, or nothing', async () => {
    hold(0, 'a', held(admin));
    hold(3, 'b', held(editor));
    hold(1, 'c', absent);
    expect(await divergent('a', 'b', 'c')).toEqual([]);
  });

  it('are those on which the regions’ tables differ, in the order asked for', async () => {
    store(1, 'b', JSON.stringify(admin));
    fake.tables[1]?.delete('permissions:a');
    expect(await divergent('b', 'a')).toEqual(['b', 'a']);
    expect(await divergent('a', 'b')).toEqual(['a', 'b']);
  });

  it.each([0, 1, 2, 3])('are those on which pod %i alone holds an old value', async (pod) => {
    hold(pod, 'a', held(editor));
    expect(await divergent('a', 'b')).toEqual(['a']);
  });

  it('are those that a pod holds and no table has', async () => {
    hold(2, 'c', held(admin));
    expect(await divergent('a', 'c')).toEqual(['c']);
  });

  it('are those that a pod holds as absent and its table has', async () => {
    hold(1, 'a', absent);
    expect(await divergent('a', 'b')).toEqual(['a']);
  });

  it('are not those that a pod has changed for itself alone', async () => {
    hold(0, 'a', held(editor, { source: 'local' }));
    expect(await divergent('a')).toEqual([]);
  });

  it('are not those that are only spelled differently', async () => {
    store(0, 'a', '{ "roles": ["admin"] }');
    hold(0, 'a', held(admin));
    expect(await divergent('a')).toEqual([]);
  });

  it('are unknown where a pod does not answer', async () => {
    const { world } = fake;
    await fake.pods[3]?.close();
    await expect(divergentKeys(world, ['a'])).rejects.toThrow();
  });
});
