// One region of the embedded stack in a process of its own: tells where it is, stalls DynamoDB when told to, ends with whoever started it.
import { startLocalStack } from '@tidemark/local-stack';
import { regionName, type RegionPlace, tables } from './perf/region-process.js';

const stack = await startLocalStack({ regions: [regionName], tables });
let faults: readonly { clear(): void }[] = [];

process.on('disconnect', () => process.exit(0));
process.on('message', (told: 'stall' | 'go on') => {
  for (const fault of faults) fault.clear();
  // The pipeline asks for other things, and goes on.
  const operations = told === 'stall' ? ['GetItem', 'BatchGetItem', 'PutItem'] : [];
  faults = operations.map((operation) =>
    stack.faults.aws.stall({ service: 'dynamodb', operation, resource: tables[0] }),
  );
});

const { dynamodbEndpoint, kafka, topicPrefix } = stack.region(regionName);
const place: RegionPlace = { dynamodbEndpoint, brokers: kafka.brokers, topicPrefix };
process.send?.(place);
