import { readdirSync, readlinkSync } from 'node:fs';
import { getHeapCodeStatistics } from 'node:v8';

/** What a process holds at a moment. */
export interface Gauge {
  /** Of V8's heap, what is left after a collection. */
  readonly heapBytes: number;
  /** Of it, what V8 has compiled: it compiles for hours, the more the busier the process is. */
  readonly codeBytes: number;
  /** Buffers, and whatever else objects of the heap hold outside of it. */
  readonly externalBytes: number;
  readonly rssBytes: number;
  /** Open files, sockets among them; 0 where the system does not tell. */
  readonly descriptors: number;
  readonly sockets: number;
  /** Those that keep the process alive. */
  readonly timers: number;
  /** Whatever else keeps it alive: servers, sockets, pipes, requests. */
  readonly resources: number;
}

/** Of the process that calls it. It collects first where it may (`node --expose-gc`). */
export function readGauge(): Gauge {
  // What finalizers let go of goes with the second.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  const resources = process.getActiveResourcesInfo();
  const timers = resources.filter((name) => name === 'Timeout').length;
  const passing = resources.filter((name) => name === 'Immediate').length;
  return {
    ...{ heapBytes: heapUsed, codeBytes: code + bytecode, externalBytes: external, rssBytes: rss },
    ...descriptorsOf(resources.filter((name) => name === 'TCPSocketWrap').length),
    ...{ timers, resources: resources.length - timers - passing },
  };
}

function descriptorsOf(socketsKnown: number): Pick<Gauge, 'descriptors' | 'sockets'> {
  let links: readonly string[];
  try {
    links = readdirSync('/proc/self/fd');
  } catch {
    return { descriptors: 0, sockets: socketsKnown };
  }
  return { descriptors: links.length, sockets: links.filter(isSocket).length };
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    // Closed since it was listed.
    return false;
  }
}
