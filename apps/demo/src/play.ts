import { divergentKeys } from './divergence.js';
import { story } from './story.js';
import { type Step, storyKeys } from './story-parts.js';
import { measureVisibility, type Visibility } from './visibility.js';
import { type World } from './world.js';

export interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly detail: string;
}

export interface DemoResult {
  readonly kafka: string;
  readonly steps: readonly StepResult[];
  readonly pods: number;
  /** Keys on which a pod, or the other region, differs from the table at the end; -1 = they could not be compared. */
  readonly divergentKeys: number;
  readonly visible: Visibility | null;
}

/** Plays every step, whatever became of the one before, then compares everything with everything. `signal` ends it before its next step. */
export async function play(world: World, print: (line: string) => void, signal: AbortSignal): Promise<DemoResult> {
  const steps: StepResult[] = [];
  const playStep = async (step: Step): Promise<void> => {
    if (signal.aborted) return;
    const result = await run(step, world);
    if (signal.aborted) return;
    steps.push(result);
    print(line(result));
  };
  const pods = world.regions.reduce((sum, region) => sum + region.pods.length, 0);
  const playable = story.filter((step) => world.ownsKafka || !step.name.startsWith('Kafka'));
  if (playable.length < story.length)
    print('  not played: Kafka restarted while writing, since these brokers are not the demo’s');
  for (const step of playable) await playStep(step);
  let visible: Visibility | null = null;
  await playStep({
    name: 'put → visible, measured',
    run: async () => describe((visible = await measureVisibility(world, 40))),
  });
  let divergent = -1;
  await playStep({
    name: 'every pod and both tables agree',
    run: async () => {
      await world.quiesce(60_000);
      const keys = storyKeys();
      const differing = await divergentKeys(world, keys);
      divergent = differing.length;
      if (divergent > 0) throw new Error(`they differ on ${differing.join(', ')}`);
      return `${keys.length} keys in ${pods} pods: 0 divergent`;
    },
  });
  return { kafka: world.kafka, steps, pods, divergentKeys: divergent, visible };
}

async function run(step: Step, world: World): Promise<StepResult> {
  const startedAt = performance.now();
  const took = (): number => Math.round(performance.now() - startedAt);
  try {
    const detail = await step.run(world);
    return { name: step.name, ok: true, ms: took(), detail };
  } catch (error) {
    return { name: step.name, ok: false, ms: took(), detail: error instanceof Error ? error.message : String(error) };
  }
}

function line({ name, ok, ms, detail }: StepResult): string {
  return `  ${ok ? '✓' : '✗'} ${name.padEnd(52)} ${String(ms).padStart(6)} ms   ${detail}`;
}

function describe({ sameRegion, otherRegion }: Visibility): string {
  return `same region p50 ${sameRegion.p50Ms} ms, p99 ${sameRegion.p99Ms} ms; other region p50 ${otherRegion.p50Ms} ms, p99 ${otherRegion.p99Ms} ms`;
}
