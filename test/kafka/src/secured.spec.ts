import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { diagnose, type ProcessRole, processRoles } from '@tidemark/doctor';
import { createKafkaClient, type KafkaClientOptions, KafkaProducer, KafkaTopicAdmin } from '@tidemark/kafka';
import { encodeEvent } from '@tidemark/protocol';
import { eventually } from '@tidemark/runtime/testing';
import { type Service } from '@tidemark/services';
import { describeOnApache } from './on-apache.js';
import { watchRejections } from './rejections.js';
import { documented, type Permission, type Role, undocumented } from './secured/permissions.js';
import { SecuredBroker, type User } from './secured/secured-broker.js';
import { SecuredRegion, table } from './secured/secured-region.js';

const settleMs = 60_000;
const caseTimeoutMs = 150_000;
const roles = Object.keys(documented) as Role[];
const aSignal = (): AbortSignal => AbortSignal.timeout(settleMs);

describeOnApache('a listener of TLS and SASL, with permissions', () => {
  let broker: SecuredBroker;
  let region: SecuredRegion;
  let prefixes = 0;
  beforeAll(async () => {
    broker = await SecuredBroker.start();
  }, 120_000);
  afterAll(() => broker?.stop(), 30_000);
  const rejections = watchRejections();
  beforeEach(async () => {
    region = new SecuredRegion(`secured-${(prefixes += 1)}`);
    await region.prepare();
  });
  afterEach(() => region.close(), 60_000);

  const allow = (user: User, permissions: readonly Permission[] = documented[user as Role]): Promise<void> =>
    broker.allow(user, region.names.prefix, permissions);
  const topicsOf = (user: User, options?: { password: string }): KafkaTopicAdmin =>
    new KafkaTopicAdmin({ client: createKafkaClient(broker.address(user, options)), replicationFactor: 1 });
  const electedAdmin = async (): Promise<ReturnType<SecuredRegion['admin']>> => {
    const admin = region.admin(broker.address('admin'));
    await admin.open();
    await eventually('elected', () => admin.table.state.type === 'writer', settleMs);
    return admin;
  };

  it.each(roles)('infra/kafka documents the permissions that these tests give: %s', async (role) => {
    expect(await undocumented(role)).toEqual([]);
  });

  it(
    'each process works with the permissions of its row alone, and leaves no group behind',
    async () => {
      const { names } = region;
      for (const role of roles) await allow(role);
      const admin = await electedAdmin();
      const { route } = await admin.table.put(table, [names.cache(table)], { ifMatch: 'none', actor: 'test' });
      const services = [
        await region.sync(broker.address('sync')),
        await region.dispatcher(broker.address('dispatcher')),
      ];
      const pods = [await region.pod(broker.address('pod')), await region.pod(broker.address('pod'))];
      await eventually('ready', () => services.every((one) => one.ready().ready), settleMs);
      await eventually('live', () => pods.every(({ tidemark }) => tidemark.health().state === 'live'), settleMs);
      const [first, second] = pods.map(({ cache }) => cache);
      const put = async (value: string): Promise<void> => {
        const receipt = await first?.put('k', value);
        if (receipt?.applied !== true) throw new Error('the write was refused');
        expect(await first?.whenVisible(receipt.token, { timeout: '30s' })).toMatchObject({ pods: 2, silent: [] });
        expect(await second?.get('k')).toBe(value);
      };
      await put('one');
      expect(await second?.get('k')).toBe('one');
      await put('two');
      const moved = names.cache('moved');
      await admin.table.operate(table, { type: 'move', to: moved }, { ifMatch: route.version, actor: 'test' });
      const targets = (): string => Object.keys(admin.table.get(table)?.topics ?? {}).join();
      await eventually('moved', () => targets() === moved, settleMs);
      await put('three');
      const { changes } = await admin.history.read(table, [], 10);
      expect(changes.length).toBeGreaterThanOrEqual(2);
      const report = await diagnose({ kafka: broker.address('doctor'), topicPrefix: names.prefix, writeProbe: true });
      expect(report.checks.flatMap(({ findings }) => findings.filter(({ status }) => status === 'unknown'))).toEqual(
        [],
      );
      expect(JSON.stringify(report)).not.toMatch(/authoriz|permission for/i);
      await region.stop();
      expect(region.said.filter((line) => /authoriz|permission|denied/i.test(line))).toEqual([]);
      const { groups } = await (await broker.admin()).listGroups();
      const left = groups.filter(({ groupId }) => groupId.startsWith(names.prefix)).map(({ groupId }) => groupId);
      expect(left.filter((groupId) => !/\.(?:admin|dispatcher)$/.test(groupId))).toEqual([]);
    },
    caseTimeoutMs,
  );

  it(
    'the doctor says what the brokers allow the process whose principal it is given',
    async () => {
      const { names } = region;
      for (const role of roles) await allow(role);
      const admin = await electedAdmin();
      await admin.table.put(table, [names.cache(table)], { ifMatch: 'none', actor: 'test' });
      const told = async (user: User, role?: ProcessRole): Promise<readonly string[]> => {
        const options = role === undefined ? {} : { role };
        const { checks } = await diagnose({ kafka: broker.address(user), topicPrefix: names.prefix, ...options });
        const findings = checks.flatMap(({ check, findings: of }) => of.map((one) => ({ check, ...one })));
        return findings
          .filter(({ check }) => check !== 'groups' && check !== 'aws')
          .filter(({ status }) => status === 'problem' || status === 'unknown')
          .map(({ status, subject }) => `${status}: ${subject}`);
      };
      for (const role of processRoles) expect([role, await told(role, role)]).toEqual([role, []]);
      expect(await told('doctor')).toEqual([]);
      const unseen = [names.routes, names.pods].map((topic) => `unknown: ${topic}`);
      expect(await told('sync')).toEqual([...unseen, `unknown: ${names.routes}`]);

      const forbid = (role: ProcessRole, name: string): Promise<void> =>
        broker.forbid(role, names.prefix, [{ kind: 'topic', name, operations: ['Write'] }]);
      await forbid('sync', '<prefix>.cdc.*');
      await forbid('dispatcher', '<prefix>.cache.*');
      await eventually('sync is refused', async () => (await told('sync', 'sync')).length > 0, settleMs);
      expect(await told('sync', 'sync')).toEqual([`problem: Write on ${names.cdc('*')}`]);
      expect(await told('dispatcher', 'dispatcher')).toEqual([`problem: Write on ${names.cache(table)}`]);
      expect(await told('doctor')).toEqual([]);

      // Without its groups no process reads routes: that is told of them alone.
      await broker.forbid('dispatcher', names.prefix, [
        { kind: 'group', name: '<prefix>.reader.*', operations: ['Read'] },
      ]);
      const ungrouped = ['problem: routes', `problem: Write on ${names.cache('*')}`];
      await eventually('no group', async () => (await told('dispatcher', 'dispatcher')).length > 1, settleMs);
      expect(await told('dispatcher', 'dispatcher')).toEqual(ungrouped);

      // Nobody waits for what is refused: whoever may not read routes is told so at once.
      await broker.forbid('dispatcher', names.prefix, [
        { kind: 'topic', name: '<prefix>.routes', operations: ['Read'] },
      ]);
      const refused = [`problem: Read on ${names.routes}`, `problem: Write on ${names.cache('*')}`];
      const may = async (): Promise<boolean> => (await told('dispatcher', 'dispatcher')).join() === ungrouped.join();
      await eventually('it may not', async () => !(await may()), settleMs);
      expect(await told('dispatcher', 'dispatcher')).toEqual(refused);
      expect(await told('dispatcher')).toEqual(expect.arrayContaining([`unknown: ${names.routes}`]));
    },
    caseTimeoutMs,
  );

  const wrong = { password: 'another' };
  const login = /kafka\.sasl: expected a login that the brokers accept, got mechanism [a-z0-9-]+ and user "[a-z]+"/;

  it(
    'a wrong password is told by every process by the name of its option, and never itself',
    async () => {
      await expect(topicsOf('admin', wrong).list('', aSignal())).rejects.toMatchObject({
        code: 'ACCESS_DENIED',
        retriable: false,
        context: { field: 'sasl', username: 'admin' },
      });
      const admin = region.admin(broker.address('admin', wrong));
      admin.open().catch(() => undefined);
      const dispatcher = await region.dispatcher(broker.address('dispatcher', wrong));
      const sync = await region.sync(broker.address('sync', wrong));
      const pod = await region.pod(broker.address('pod', wrong), '1s');
      await eventually('admin says so', () => login.test(admin.table.problem ?? ''), settleMs);
      await eventually('dispatcher says so', () => login.test(detailOf(dispatcher)), settleMs);
      await pod.cache.put('k', 'one');
      await eventually('sync says so once it has something to write', () => login.test(detailOf(sync)), settleMs);
      expect([dispatcher, sync].map((one) => one.ready().ready)).toEqual([false, false]);
      expect(pod.tidemark.health().state).toBe('starting');
      for (const user of ['admin', 'dispatcher', 'sync', 'pod'])
        await region.whenSaid(new RegExp(String.raw`kafka\.sasl: .*user \\"${user}\\"`));
      expect(region.said.join('\n') + detailOf(dispatcher) + detailOf(sync)).not.toContain(wrong.password);
    },
    caseTimeoutMs,
  );

  it(
    'a certificate that is not trusted, or is of another host, is told by the name of its option',
    async () => {
      const { brokers, ssl, ...rest } = broker.address('admin');
      const of = (address: object) =>
        new KafkaTopicAdmin({ client: createKafkaClient({ brokers, ...rest, ...address }) });
      const told = (code: string) => ({ code: 'FEED_UNAVAILABLE', context: { field: 'ssl', code } });
      await expect(of({ ssl: true }).list('', aSignal())).rejects.toMatchObject(told('DEPTH_ZERO_SELF_SIGNED_CERT'));
      const elsewhere = brokers.map((address) => address.replace('127.0.0.1', 'localhost'));
      await expect(of({ ssl, brokers: elsewhere }).list('', aSignal())).rejects.toMatchObject(
        told('ERR_TLS_CERT_ALTNAME_INVALID'),
      );
      const dispatcher = await region.dispatcher({ brokers, ssl: true, ...rest });
      await eventually('dispatcher says so', () => /kafka\.ssl: .*certificate/.test(detailOf(dispatcher)), settleMs);
    },
    caseTimeoutMs,
  );

  it(
    'a listener that speaks otherwise is told by the name of the option that does not fit it',
    async () => {
      const { brokers, ssl, sasl } = broker.address('admin');
      const { plain } = broker;
      const login = { username: 'admin', password: 'any' };
      const asking = (address: KafkaClientOptions): Promise<unknown> =>
        new KafkaTopicAdmin({ client: createKafkaClient(address) }).list('', aSignal());
      const told = (code: string, field: string) => ({ code, context: { field } });
      const mechanism = 'scram-sha-256';
      await expect(asking({ brokers, ssl, sasl: { mechanism, ...login } })).rejects.toMatchObject(
        told('ACCESS_DENIED', 'sasl'),
      );
      await expect(asking({ brokers: plain, sasl })).rejects.toMatchObject(told('ACCESS_DENIED', 'sasl'));
      await expect(asking({ brokers: plain, ssl })).rejects.toMatchObject(told('FEED_UNAVAILABLE', 'ssl'));
      await expect(asking({ brokers, sasl })).rejects.toMatchObject(told('FEED_UNAVAILABLE', 'ssl'));
      await expect(asking({ brokers: plain })).resolves.toBeDefined();
    },
    caseTimeoutMs,
  );

  it(
    'a permission that is missing is told with its topic',
    async () => {
      const { names } = region;
      await allow('admin');
      const admin = await electedAdmin();
      const elsewhere = `${names.prefix}-elsewhere`;
      await expect(topicsOf('admin').create(elsewhere, 1, aSignal())).rejects.toMatchObject(denied(elsewhere));
      await admin.table.put(table, [names.cache(table)], { ifMatch: 'none', actor: 'test' });

      const client = createKafkaClient(broker.address('stranger'));
      const producer = new KafkaProducer({ client, names });
      await expect(producer.publish(table, [anEvent], { timeoutMs: 20_000 })).rejects.toMatchObject(
        denied(names.cdc(table)),
      );
      await producer.close();

      const without = (name: string, role: Role): readonly Permission[] =>
        documented[role].filter((permission) => permission.name !== name);
      await allow('dispatcher', without('<prefix>.cdc.*', 'dispatcher'));
      const dispatcher = await region.dispatcher(broker.address('dispatcher'));
      await eventually('it names the table topic', () => detailOf(dispatcher).includes(names.cdc(table)), settleMs);
      await dispatcher.stop();
      await admin.table.put('others', [names.cache('others')], { ifMatch: 'none', actor: 'test' });
      await allow('dispatcher', [{ kind: 'topic', name: '<prefix>.cdc.others', operations: ['Read'] }]);
      const another = await region.dispatcher(broker.address('dispatcher'));
      const owns = (): boolean => detailOf(another).includes('"assignedPartitions":4');
      await eventually('it works on the table that it may read', owns, settleMs);
      expect(another.ready().detail).toMatchObject({
        heldTables: { [table]: expect.stringContaining(`no permission for topic ${names.cdc(table)}`) as unknown },
      });
      await allow('pod', without('<prefix>.cache.things', 'pod'));
      await region.pod(broker.address('pod'), '1s');
      await region.whenSaid(new RegExp(`no permission for topic ${names.cache(table)}`));
    },
    caseTimeoutMs,
  );

  it(
    'a permission for a table topic that is taken away holds up that table alone, until it is given back',
    async () => {
      const { names } = region;
      for (const role of ['admin', 'sync'] as const) await allow(role);
      const admin = await electedAdmin();
      const tables = [table, 'others'];
      for (const one of tables) await admin.table.put(one, [names.cache(one)], { ifMatch: 'none', actor: 'test' });
      const reading = (one: string): Permission[] => [
        { kind: 'topic', name: `<prefix>.cdc.${one}`, operations: ['Read'] },
      ];
      await allow('dispatcher', [
        ...documented.dispatcher.filter(({ name }) => name !== '<prefix>.cdc.*'),
        ...tables.flatMap(reading),
      ]);
      const dispatcher = await region.dispatcher(broker.address('dispatcher'));
      await eventually('ready', () => detailOf(dispatcher).includes('"assignedPartitions":8'), settleMs);
      const producer = new KafkaProducer({ client: createKafkaClient(broker.address('sync')), names });
      const kafka = await broker.admin();
      const done = async (one: string): Promise<number> => {
        const [of] = await kafka.fetchOffsets({ groupId: names.dispatcherGroup, topics: [names.cdc(one)] });
        return (of?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
      };
      const send = (one: string): Promise<unknown> => producer.publish(one, [anEvent], { timeoutMs: 30_000 });
      for (const one of tables) await send(one);
      for (const one of tables) await eventually(`${one}: one`, async () => (await done(one)) === 1, settleMs);

      await broker.forbid('dispatcher', names.prefix, reading(table));
      for (const one of tables) await send(one);
      await eventually('the other table goes on', async () => (await done('others')) === 2, settleMs);
      const held = `no permission for topic ${names.cdc(table)}`;
      await eventually('it says which one does not', () => detailOf(dispatcher).includes(held), settleMs);
      await send('others');
      await eventually('the other table goes on', async () => (await done('others')) === 3, settleMs);
      expect(await done(table)).toBe(1);
      await allow('dispatcher', reading(table));
      await eventually('so does this one, once it may', async () => (await done(table)) === 2, settleMs);
      await producer.close();
    },
    2 * caseTimeoutMs,
  );

  it(
    'a process takes its login, and the authority to trust, from its environment',
    async () => {
      await allow('doctor');
      const environment: Readonly<Record<string, string>> = {
        ...broker.environment('doctor'),
        TIDEMARK_TOPIC_PREFIX: region.names.prefix,
      };
      expect(await doctor(environment)).toContain(`${region.names.routes}: is missing`);
      const { NODE_EXTRA_CA_CERTS: _, ...untrusting } = environment;
      expect(await doctor(untrusting)).toMatch(/kafka\.ssl: .*DEPTH_ZERO_SELF_SIGNED_CERT/);
      expect(await doctor({ ...environment, TIDEMARK_KAFKA_SASL_PASSWORD: 'another' })).toMatch(login);
    },
    caseTimeoutMs,
  );

  it('leaves no rejection unhandled', () => expect(rejections()).toEqual([]));
});

/** What the doctor prints; nothing of this process's environment reaches it. */
async function doctor(environment: Readonly<Record<string, string>>): Promise<string> {
  const command = fileURLToPath(new URL('../../../apps/cli/bin/tidemark.mjs', import.meta.url));
  const env = { PATH: process.env['PATH'] ?? '', TIDEMARK_REGION: 'eu-west-1', ...environment };
  const run = promisify(execFile)(process.execPath, [command, 'doctor'], { env, timeout: settleMs });
  const { stdout, stderr } = await run.catch((error: unknown) => error as { stdout: string; stderr: string });
  expect(stdout).toContain('topics');
  return stdout + stderr;
}

function detailOf(service: Service): string {
  return JSON.stringify(service.ready().detail).replaceAll(String.raw`\"`, '"');
}

function denied(topic: string) {
  return { code: 'ACCESS_DENIED', retriable: false, context: { topic } };
}

const anEvent = encodeEvent({
  ...{ table, key: 'things:k', kind: 'insert', from: null, to: 'a', stampUs: 1, expiresAt: null, codec: 'json' },
  ...{ lane: 'cdc', region: 'eu-west-1', position: 'shardId-0:1', value: Buffer.from('1') },
});
