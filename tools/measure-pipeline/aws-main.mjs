// The stand-in for AWS in a process of its own: one region, DynamoDB and Kinesis (kinesalite). Ends with its parent.

// By its path: a compiler that followed the name would check the emulators' own code, which is nobody's to mend here.
const { EmbeddedAws } = await import(new URL('../../libs/local-stack/dist/esm/index.js', import.meta.url).href);

const [region = '', table = '', leaseTable = '', shards = ''] = process.argv.slice(2);
const aws = new EmbeddedAws({ regions: [region], shardCount: Number(shards) });
await aws.start();
await aws.createGlobalTable(table);
await aws.createTable(region, leaseTable, { hashKey: 'leaseKey' });
process.once('disconnect', () => process.exit());
process.send?.(aws.region(region));
