import { aws, type AwsOptions } from '@tidemark/aws';
import { type Cache, type CacheTuning, createTidemark, defineCache, trust } from '@tidemark/cache';
import { regionName, type RegionProcess, tables } from './region-process.js';
import { type User } from './workload.js';

/** Does the work with a live pod of the region, in this process. `backend` stands in for some of how it finds its region. */
export async function withPod<T>(
  region: RegionProcess,
  tuning: CacheTuning,
  work: (cache: Cache<User>) => Promise<T>,
  backend: Partial<AwsOptions> = {},
): Promise<T> {
  const [table = ''] = tables;
  const definition = defineCache({ name: 'bench', table, schema: trust<User>(), ...tuning });
  const tidemark = createTidemark({
    ...{ service: 'bench', caches: [definition], startDeadline: '30s' },
    backend: aws({ region: regionName, ...region.region(regionName), ...backend }),
  });
  try {
    await tidemark.start();
    if (tidemark.health().state !== 'live') throw new Error(`the pod is ${tidemark.health().state}, not live`);
    return await work(tidemark.cache(definition));
  } finally {
    await tidemark.close();
  }
}
