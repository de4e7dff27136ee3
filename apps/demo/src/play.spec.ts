import { describe, expect, it } from '@jest/globals';
import { emptyWorld } from '../test/fake-world.js';
import { play } from './play.js';
import { story } from './story.js';
import { type World } from './world.js';

/** Without regions, steps that need one fail at once and the others have nothing to check. */
async function played(more: Partial<World> = {}, signal = new AbortController().signal) {
  const lines: string[] = [];
  const result = await play({ ...emptyWorld(), ...more }, (line) => lines.push(line), signal);
  return { result, lines };
}

describe('a play', () => {
  it('goes on after a step that failed, and tells of each in a line', async () => {
    const { result, lines } = await played();
    expect(result.steps.map(({ name }) => name)).toEqual([
      ...story.map(({ name }) => name),
      'put → visible, measured',
      'every pod and both tables agree',
    ]);
    expect(new Set(result.steps.map(({ ok }) => ok))).toEqual(new Set([true, false]));
    expect(result.steps.every(({ ms, detail }) => Number.isInteger(ms) && detail !== '')).toBe(true);
    expect(lines.map((line) => line.slice(0, 4))).toEqual(result.steps.map(({ ok }) => (ok ? '  ✓ ' : '  ✗ ')));
  });

  it('says why a step failed, and that nothing was measured', async () => {
    const { result } = await played();
    const measured = result.steps.find(({ name }) => name.startsWith('put →'));
    expect(measured).toMatchObject({ ok: false, detail: 'a world without regions' });
    expect(result.visible).toBeNull();
    expect(result).toMatchObject({ kafka: 'fake', pods: 0, divergentKeys: 0 });
  });

  it('has no number of divergent keys where they could not be compared', async () => {
    const busy = (): Promise<void> => Promise.reject(new Error('never at rest'));
    const { result } = await played({ quiesce: busy });
    expect(result.divergentKeys).toBe(-1);
    expect(result.steps.at(-1)).toMatchObject({ ok: false, detail: 'never at rest' });
  });

  it('does not restart brokers that are somebody else’s, and says so', async () => {
    const { result, lines } = await played({ ownsKafka: false });
    expect(result.steps.filter(({ name }) => name.startsWith('Kafka'))).toEqual([]);
    expect(lines[0]).toContain('not played: Kafka restarted');
  });

  it('ends before its next step when it is stopped', async () => {
    const stopping = new AbortController();
    stopping.abort();
    const { result, lines } = await played({}, stopping.signal);
    expect(result.steps).toEqual([]);
    expect(lines).toEqual([]);
  });
});
