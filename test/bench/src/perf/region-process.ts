import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type AwsOptions } from '@tidemark/aws';

export const regionName = 'us-east-1';
/** The first is the one whose requests can be stalled. */
export const tables: readonly string[] = ['bench', 'lane-on', 'lane-off'];

/** What the region's process tells. */
export interface RegionPlace {
  readonly dynamodbEndpoint: string;
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
}

/** Where a pod finds its region. */
export interface PodPlace {
  readonly dynamodb: NonNullable<AwsOptions['dynamodb']>;
  readonly kafka: { readonly brokers: readonly string[] };
  readonly topicPrefix: string;
}

export interface RegionProcess {
  region(name: string): PodPlace;
  /** Whether DynamoDB holds requests for items of the first table back. */
  stall(held: boolean): void;
}

const stackFile = fileURLToPath(new URL('../bench-stack-main.js', import.meta.url));
const startTimeoutMs = 60_000;

/** Does the work beside a region (DynamoDB, Kinesis, Kafka, sync and dispatcher) that runs in one process of its own. */
export async function withRegion<T>(work: (region: RegionProcess) => Promise<T>): Promise<T> {
  const child = fork(stackFile, {
    execArgv: [],
    env: { ...process.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  });
  try {
    return await work(regionOf(child, await placeOf(child)));
  } finally {
    child.kill('SIGKILL');
  }
}

async function placeOf(child: ChildProcess): Promise<RegionPlace> {
  const given = new AbortController();
  const ended = once(child, 'exit', { signal: given.signal }).then(() => {
    throw new Error('the region ended before it had started');
  });
  const late = AbortSignal.timeout(startTimeoutMs);
  try {
    const [place] = (await Promise.race([once(child, 'message', { signal: late }), ended])) as [RegionPlace];
    return place;
  } finally {
    given.abort();
    ended.catch(() => undefined);
  }
}

function regionOf(
  child: ChildProcess,
  { dynamodbEndpoint: endpoint, brokers, topicPrefix }: RegionPlace,
): RegionProcess {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  return {
    region: (region) => ({ dynamodb: { region, endpoint, credentials }, kafka: { brokers }, topicPrefix }),
    stall: (held) => void child.send(held ? 'stall' : 'go on'),
  };
}
