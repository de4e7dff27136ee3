import { it } from '@jest/globals';
import { startKafka } from './real-kafka.mjs';
import { createKafkaClient, GroupConsumer, KafkaProducer, PodFeed } from '@tidemark/kafka';
import { topicNames } from '@tidemark/protocol';
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
const out = (...a: unknown[]) => process.stderr.write(a.map(String).join(' ') + '\n');
for (const [brokers, delay] of [[1, 0], [1, 3000], [3, 0]] as const)
it(`m ${brokers} ${delay}`, async () => {
  const k = await startKafka({ brokers, properties: { 'group.initial.rebalance.delay.ms': delay, 'min.insync.replicas': brokers === 3 ? 2 : 1 } });
  const names = topicNames('x'); const client = createKafkaClient({ brokers: k.brokers });
  const admin = client.admin({}); await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [names.routes, names.cache('a'), names.cdc('a')].map((topic) => ({ topic, numPartitions: topic === names.routes ? 1 : 4, replicationFactor: brokers })) });
  const warm = new PodFeed({ client, names, service: 's', podId: 'w' }); await warm.open({ onRoute() {}, onBatch() {}, onGap() {}, onState() {} }); await warm.close();
  const t0 = performance.now(); let last = 0, gapMax = 0, lastAt = 0, gaps = 0, live = 0; let states = '';
  const feed = new PodFeed({ client, names, service: 's', podId: 'p' });
  await feed.open({ onRoute() {}, onGap() { gaps++; }, onState(s) { live = performance.now(); states += ` ${s}@${(live - t0).toFixed(0)}`; }, onBatch(b) { const n = performance.now(); if (lastAt) gapMax = Math.max(gapMax, n - lastAt); lastAt = n; last += b.records.length; } });
  const t1 = performance.now(); await feed.tail([names.cache('a')]); const t2 = performance.now();
  const p = new KafkaProducer({ client, names, publishTimeoutMs: 60000 }); const sig = new AbortController().signal;
  const send = (t: string, i: number) => p.send(t, [0, 1, 2, 3].map((partition) => ({ partition, record: { key: 'k', value: Buffer.from(String(i)), header: 'h' } })), sig);
  await send(names.cache('a'), 0); while (last < 4) await sleep(2); const t3 = performance.now();
  out(`brokers ${brokers} delay ${delay}: open ${(t1 - t0).toFixed(0)} tail ${(t2 - t1).toFixed(0)} first record ${(t3 - t2).toFixed(0)}`);
  await sleep(1500); const feedOnly = createKafkaClient({ brokers: k.brokers }); void feedOnly;
  await p.close(); await admin.disconnect(); await sleep(1000);
  const c0 = process.cpuUsage(), w0 = performance.now(); await sleep(10000); const c = process.cpuUsage(c0); out(`  idle feed CPU ${((c.user + c.system) / 10 / (performance.now() - w0)).toFixed(2)} %`);
  const p2 = new KafkaProducer({ client, names, publishTimeoutMs: 60000 });
  let gl = 0, gmax = 0, gn = 0; const g = new GroupConsumer({ client, groupId: names.dispatcherGroup });
  await g.subscribe([names.cdc('a')]); const tj = performance.now(); await g.start({ onAssigned: async () => {}, onBatch: async (b) => { const n = performance.now(); if (gl) gmax = Math.max(gmax, n - gl); gl = n; gn += b.records.length; return 'commit'; } }); out(`  group join ${(performance.now() - tj).toFixed(0)}`);
  let run = true, sent = 0, smax = 0; const loop = (async () => { let i = 1; while (run) { const s = performance.now(); await Promise.all([names.cache('a'), names.cdc('a')].map((t) => p2.send(t, [0, 1, 2, 3].map((partition) => ({ partition, record: { key: 'k', value: Buffer.from(String(i)), header: 'h' } })), sig))); smax = Math.max(smax, performance.now() - s); i++; sent++; await sleep(10); } })();
  await sleep(3000); gapMax = 0; gmax = 0; states = '';
  for (let i = 0; i < brokers; i++) { const d = performance.now(); await k.restart(i); const up = performance.now(); const n0 = last, g0 = gn; while (last < n0 + 40 || gn < g0 + 40) await sleep(5); out(`  kill -9 broker ${i}: back after ${(up - d).toFixed(0)}; both deliver ${(performance.now() - up).toFixed(0)} ms later; longest silence feed ${gapMax.toFixed(0)} group ${gmax.toFixed(0)}, longest send ${smax.toFixed(0)};${states}`); gapMax = gmax = smax = 0; states = ''; await sleep(3000); }
  run = false; await loop; await sleep(1000); out(`  sent ${sent * 4 + 4} feed ${last} group ${gn} gaps ${gaps}`);
  const tc = performance.now(); await feed.close(); out(`  feed close ${(performance.now() - tc).toFixed(0)}`); await g.stop(); await p2.close(); await k.stop();
}, 200000);
