// The embedded broker in a process of its own, so that its CPU time is not in what is measured: prints its address, ends with whoever started it.
import { EmbeddedKafka } from '@tidemark/local-stack';

const kafka = new EmbeddedKafka({});
await kafka.start();
process.on('disconnect', () => process.exit(0));
process.send?.(kafka.address);
