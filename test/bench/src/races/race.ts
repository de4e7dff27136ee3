import { type Cluster, type Need, type Pod } from './cluster.js';

/** One fault, told as a story of two pods, A and B. */
export interface Race {
  readonly name: string;
  /** What happens, in a line. */
  readonly story: string;
  /** Without it a library has nothing to lose in this race. */
  readonly needs?: Need;
  /** Plays the story; with `fault` false the same steps, one after the other and with nothing lost. */
  run(cluster: Cluster, fault: boolean): Promise<Finding>;
}

/** What was read in the end. */
export interface Finding {
  /** The value of the last write that reached L2; `undefined` where that was a clear. */
  readonly expected: string | undefined;
  readonly reads: readonly Read[];
  /** What else is worth telling. */
  readonly remark?: string;
  /** What B read ten seconds into an outage. */
  readonly meanwhile?: string | undefined;
}

export interface Read {
  readonly reader: string;
  readonly value: string | undefined;
}

/** The key that the stories are about. */
export const key = 'k';

/** L2 holds `value`, and the pod that wrote it is gone. */
export async function seed(cluster: Cluster, value: string): Promise<void> {
  const pod = await cluster.startPod();
  await pod.put(key, value);
  await cluster.settle();
  await pod.close();
}

/** Three seconds after everything has come to rest, what each of the pods reads, and what one reads that starts only then: L2's word. */
export async function readings(cluster: Cluster, pods: Readonly<Record<string, Pod>>, readKey = key): Promise<Read[]> {
  await cluster.settle();
  await cluster.pass(3_000);
  const newcomer = await cluster.startPod();
  const reads: Read[] = [];
  for (const [reader, pod] of Object.entries({ ...pods, 'a new pod': newcomer }))
    reads.push({ reader, value: await pod.get(readKey) });
  return reads;
}

/** Why this finding is stale; `undefined` when every read is the last write. */
export function staleness({ expected, reads }: Finding): string | undefined {
  const wrong = reads.filter(({ value }) => value !== expected);
  if (wrong.length === 0) return undefined;
  return `${wrong.map(({ reader, value }) => `${reader} reads ${show(value)}`).join(', ')}; the last write was ${show(expected)}`;
}

function show(value: string | undefined): string {
  return value ?? 'nothing';
}
