import { type VersionToken, VisibilityTimeoutError } from '@tidemark/cache';
import { type LocalStack } from '@tidemark/local-stack';
import { eventually } from '@tidemark/runtime/testing';
import { Kafka, logLevel } from 'kafkajs';
import { ChildPod } from './child-pod.js';
import { closePods, firstTwo, type Pod, startPods } from './pods.js';
import { type Quantiles, quantiles } from './quantiles.js';

export interface PauseOptions {
  readonly stack: LocalStack;
  readonly region: string;
  /** Beside the one that is paused. */
  readonly podCount: number;
}

export interface VisibleFigure {
  /** Pods that said so, in every round. */
  readonly pods: readonly number[];
  /** From the acknowledgement of `put` until `whenVisible` has resolved. */
  readonly time: Quantiles;
  /** Gets, after it had resolved, that were older than the write. */
  readonly older: number;
}

/** All pods are live: `whenVisible` resolves, and then none of them reads anything older. */
export async function measureVisible(pods: readonly Pod[], rounds: number): Promise<VisibleFigure> {
  const counts = new Set<number>();
  const times: number[] = [];
  let older = 0;
  for (let n = 1; n <= rounds; n += 1) {
    const writer = pods[n % pods.length];
    if (writer === undefined) throw new Error('the scenario needs pods');
    await Promise.all(pods.map(({ cache }) => cache.get('visible')));
    const token = await putToken(writer, 'visible', n);
    const startedAt = performance.now();
    const visible = await writer.cache.whenVisible(token, { timeout: '20s' });
    times.push(performance.now() - startedAt);
    counts.add(visible.pods);
    const found = await Promise.all(pods.map(({ cache }) => cache.get('visible')));
    older += found.filter((item) => (item?.n ?? 0) < n).length;
  }
  return { pods: [...counts], time: quantiles(times), older };
}

export interface PausedFigure {
  /** Id of the pod that is paused, and those that the errors and results name. */
  readonly paused: string;
  readonly missing: readonly string[];
  /** From the call until the error, ms; the deadline was `deadlineMs`. */
  readonly failedAfterMs: number;
  readonly deadlineMs: number;
  readonly silent: readonly string[];
  /** From the pause until a call resolved without it, ms. */
  readonly resolvedAfterMs: number;
  /** Pods counted once it goes on, and what its L1 held for the writes that it slept through, when `whenVisible` resolved. */
  readonly podsAfter: number;
  readonly olderAfter: number;
}

const deadlineMs = 1_500;

/** One pod is a process that is paused, as by SIGSTOP: waited for until the deadline, then silent, then back. */
export async function pauseOnePod({ stack, region, podCount }: PauseOptions): Promise<PausedFigure> {
  const pods = await startPods(stack, region, podCount);
  const child = await ChildPod.start(stack, region, { service: 'paused' });
  try {
    const [writer] = firstTwo(pods);
    const paused = await podIdOf(stack, region, 'paused');
    await putToken(writer, 'slept', 0);
    await eventually('the process holds the key', async () => (await child.get('slept'))?.n === 0);
    await writer.cache.whenVisible(await putToken(writer, 'slept', 1), { timeout: '20s' });
    child.stop();
    const stoppedAt = performance.now();
    const token = await putToken(writer, 'slept', 2);
    const failure = await failureOf(writer.cache.whenVisible(token, { timeout: `${deadlineMs}ms` }));
    const failedAfterMs = performance.now() - stoppedAt;
    const { silent } = await writer.cache.whenVisible(token, { timeout: '60s' });
    const resolvedAfterMs = performance.now() - stoppedAt;
    child.resume();
    const after = await whenBack(writer, token, pods.length + 1);
    const held = await child.get('slept');
    return {
      ...{ paused, missing: failure.missing, failedAfterMs: Math.round(failedAfterMs), deadlineMs },
      ...{ silent, resolvedAfterMs: Math.round(resolvedAfterMs), podsAfter: after },
      olderAfter: held?.n === 2 ? 0 : 1,
    };
  } finally {
    await child.kill();
    await closePods(pods);
  }
}

/** The paused pod reports again by itself, within two seconds or so. */
async function whenBack(writer: Pod, token: VersionToken, expected: number): Promise<number> {
  let counted = 0;
  await eventually(
    'the pod counts again',
    async () => {
      counted = (await writer.cache.whenVisible(token, { timeout: '20s' })).pods;
      return counted === expected;
    },
    30_000,
  );
  return counted;
}

async function failureOf(visible: Promise<unknown>): Promise<VisibilityTimeoutError> {
  try {
    await visible;
  } catch (error) {
    if (error instanceof VisibilityTimeoutError) return error;
    throw error;
  }
  throw new Error('whenVisible resolved although a pod is paused');
}

export async function putToken({ cache }: Pod, key: string, n: number): Promise<VersionToken> {
  const receipt = await cache.put(key, { n });
  if (!receipt.applied) throw new Error(`nobody else writes ${key}, and yet it was ${receipt.reason}`);
  return receipt.token;
}

/** The id of the only pod of a service: it is in the name of its consumer group. */
async function podIdOf(stack: LocalStack, region: string, service: string): Promise<string> {
  const { kafka, topicPrefix } = stack.region(region);
  const admin = new Kafka({ brokers: [...kafka.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.listGroups();
    const prefix = `${topicPrefix}.pod.${service}.`;
    const ids = new Set(
      groups
        .filter(({ groupId }) => groupId.startsWith(prefix))
        .map(({ groupId }) => groupId.slice(prefix.length).split('.')[0] ?? ''),
    );
    const [id] = ids;
    if (id === undefined || ids.size !== 1) throw new Error(`${ids.size} pods of ${service}`);
    return id;
  } finally {
    await admin.disconnect();
  }
}
