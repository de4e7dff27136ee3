import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Cache, defineCache, memory, trust } from '@tidemark/cache';
import { eventually } from '@tidemark/runtime/testing';
import { getCacheToken, InjectCache, TidemarkHealthIndicator, TidemarkModule, TidemarkService } from './index.js';
import { TidemarkTestingModule } from './testing/index.js';

const permissions = defineCache({ name: 'permissions', table: 'permissions', schema: trust<string>() });
const settings = defineCache({ name: 'settings', table: 'settings', schema: trust<string>() });

@Injectable()
class Guard {
  constructor(@InjectCache(permissions) readonly permissions: Cache<string>) {}
}
@Module({ imports: [TidemarkModule.forFeature([permissions])], providers: [Guard], exports: [Guard] })
class GuardModule {}
@Injectable()
class Audit {
  constructor(
    @InjectCache(permissions) readonly permissions: Cache<string>,
    @InjectCache(settings) readonly settings: Cache<string>,
  ) {}
}
@Module({ imports: [TidemarkModule.forFeature([permissions, settings])], providers: [Audit], exports: [Audit] })
class AuditModule {}

const started: INestApplicationContext[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});
async function start(...imports: Parameters<typeof Module>[0]['imports'] & object): Promise<INestApplicationContext> {
  const app = (await Test.createTestingModule({ imports }).compile()).createNestApplication();
  started.push(app);
  await app.init();
  return app;
}

describe('TidemarkModule', () => {
  it('injects one cache for one definition, whichever module asks for it', async () => {
    const app = await start(TidemarkTestingModule.forRoot(), GuardModule, AuditModule);
    const [guard, audit] = [app.get(Guard), app.get(Audit)];
    expect(guard.permissions).toBe(audit.permissions);
    await guard.permissions.put('app', 'admin');
    await expect(audit.permissions.get('app')).resolves.toBe('admin');
    await expect(audit.settings.get('app')).resolves.toBeUndefined();
  });

  it('tells in its health how far warm-ups are, none of which fails the start', async () => {
    const warm = defineCache({ name: 'warm', table: 'warm', schema: trust<string>(), warmUp: 'hot-keys' });
    const app = await start(TidemarkTestingModule.forRoot(), TidemarkModule.forFeature([warm, settings]));
    const { tidemark } = app.get(TidemarkHealthIndicator).isHealthy();
    expect(tidemark).toMatchObject({ status: 'up', warmUp: { warm: { strategy: 'hot-keys', state: 'done' } } });
    expect(Object.keys(tidemark?.warmUp ?? {})).toEqual(['warm']);
  });

  it('keeps two applications on one backend in step', async () => {
    const backend = memory();
    const [a, b] = [
      await start(TidemarkTestingModule.forRoot({ backend }), GuardModule),
      await start(TidemarkTestingModule.forRoot({ backend }), GuardModule),
    ];
    await a.get(Guard).permissions.put('app', 'admin');
    await b.get(Guard).permissions.get('app');
    await a.get(Guard).permissions.put('app', 'viewer');
    await eventually('b has the new value', () => b.get(Guard).permissions.getIfPresent('app') === 'viewer');
  });

  it('takes its options from a factory, and a cache’s numbers from another', async () => {
    const app = await start(
      TidemarkModule.forRootAsync({ useFactory: () => ({ service: 'test', backend: memory() }) }),
      TidemarkModule.forFeatureAsync([{ cache: permissions, useFactory: () => ({ maxEntries: 1 }) }]),
    );
    const cache = app.get<Cache<string>>(getCacheToken(permissions), { strict: false });
    await cache.put('a', '1');
    await cache.put('b', '2');
    expect(cache.stats().entries).toBe(1);
  });

  it.each([undefined, null, {}])(
    'says what is missing where a definition is %j, as in a circle of imports',
    (cache) => {
      for (const take of [
        () => getCacheToken(cache as never),
        () => InjectCache(cache as never),
        () => TidemarkModule.forFeature([cache as never]),
      ])
        expect(take).toThrow(/cache: expected a definition made by defineCache, .*circle of imports/);
    },
  );

  it('refuses a wrong number from a factory, naming the field', async () => {
    await expect(
      start(
        TidemarkTestingModule.forRoot(),
        TidemarkModule.forFeatureAsync([{ cache: permissions, useFactory: () => ({ maxEntries: 0 }) }]),
      ),
    ).rejects.toThrow(/cache permissions: maxEntries: expected a whole number/);
  });

  it('is ready from the end of its start until the shutdown begins', async () => {
    const app = await start(TidemarkTestingModule.forRoot(), GuardModule);
    const indicator = app.get(TidemarkHealthIndicator);
    expect(indicator.isHealthy()).toMatchObject({
      tidemark: { status: 'up', state: 'live', tables: { permissions: { live: true } } },
    });
    app.get(TidemarkService).beforeApplicationShutdown();
    expect(indicator.isHealthy('l1')).toMatchObject({ l1: { status: 'down' } });
    const cache = app.get(Guard).permissions;
    await expect(cache.put('still', 'served')).resolves.toMatchObject({ applied: true });
    await app.close();
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
