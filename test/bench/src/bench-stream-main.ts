// What sync reads from and writes to, in a process of its own, so that none of it is in what is measured: an embedded broker, DynamoDB for the lease table,
// and a stream. node bench-stream-main.js PLAN; tells its addresses; ends with whoever started it.
import { EmbeddedAws, EmbeddedKafka } from '@tidemark/local-stack';
import { leaseTable, serveStream, type StreamPlan, streamRegion } from './perf/stream-server.js';

const plan = JSON.parse(process.argv[2] ?? '') as StreamPlan;
const kafka = new EmbeddedKafka({});
const aws = new EmbeddedAws({ regions: [streamRegion] });
await Promise.all([kafka.start(), aws.start()]);
await aws.createTable(streamRegion, leaseTable, { hashKey: 'leaseKey' });
const kinesisEndpoint = await serveStream(plan);
process.on('disconnect', () => process.exit(0));
process.send?.({ kafka: kafka.address, dynamodbEndpoint: aws.region(streamRegion).dynamodbEndpoint, kinesisEndpoint });
