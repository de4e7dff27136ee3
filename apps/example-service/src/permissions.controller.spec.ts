import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { itemKeyOf } from '@tidemark/protocol';
import { memory } from '@tidemark/cache';
import request from 'supertest';
import { type ExampleService, startExampleService } from './index.js';

const backend = memory();
let pod: ExampleService;
beforeAll(async () => {
  pod = await startExampleService({ backend });
});
afterAll(() => pod.close());

describe('the example service', () => {
  it('stores, reads, lists and deletes permissions', async () => {
    const http = request(pod.url);
    await http
      .put('/permissions/app-1')
      .send({ roles: ['admin'] })
      .expect(200);
    await http.get('/permissions/app-1').expect(200, { roles: ['admin'] });
    await http.get('/permissions?ids=app-1,app-2').expect(200, { 'app-1': { roles: ['admin'] } });
    await http.delete('/permissions/app-1').expect(200);
    await http.get('/permissions/app-1').expect(404);
  });

  it('reads nothing older than a token, and says when a write is visible', async () => {
    const http = request(pod.url);
    const put = await http
      .put('/permissions/app-4?visibleWithin=5s')
      .send({ roles: ['one'] })
      .expect(200);
    const { token, visible } = put.body as { token: string; visible: object };
    expect(visible).toMatchObject({ pods: 1, silent: [] });
    await http
      .get('/permissions/app-4')
      .set('at-least', token)
      .expect(200, { roles: ['one'] });
    await http
      .get('/permissions/app-5')
      .set('at-least', token)
      .expect(400, /INVALID_TOKEN/);
    await http
      .put('/permissions/app-4?visibleWithin=soon')
      .send({ roles: ['one'] })
      .expect(400, /visibleWithin: expected/);
  });

  it('loads what nobody has put, and forgets what it is told to', async () => {
    const http = request(pod.url);
    await http.post('/permissions/app-6/load').expect(200, { roles: ['guest of app-6'] });
    await http.get('/permissions/app-6').expect(200, { roles: ['guest of app-6'] });
    await http.post('/permissions/app-6/invalidate').expect(200, { invalidated: true });
    const held = await http.get('/l1/permissions?ids=app-6').expect(200);
    expect(held.body).toMatchObject({ 'app-6': { state: 'none' } });
  });

  it('shows and changes this pod’s L1 alone', async () => {
    const http = request(pod.url);
    await http
      .put('/l1/permissions/local')
      .send({ roles: ['here'] })
      .expect(200);
    const held = (await http.get('/l1/permissions?ids=local,none').expect(200)).body as Record<
      string,
      { state: string }
    >;
    expect(held).toMatchObject({
      local: { state: 'value', source: 'local', value: { roles: ['here'] } },
      none: { state: 'none' },
    });
    await http.delete('/l1/permissions/local').expect(200, { held: true });
    const overview = await http.get('/l1').expect(200);
    expect(overview.body).toMatchObject({ stats: { rules: expect.any(Array) as unknown } });
  });

  it('answers bad input with what is wrong with it', async () => {
    const http = request(pod.url);
    await http.put('/permissions/app-1').send({ roles: 'admin' }).expect(400);
    await http
      .put('/l1/permissions/app-1')
      .send({ roles: [5] })
      .expect(400);
    await http.put('/permissions/app-1').expect(400, /body: /);
    await http.get('/permissions').expect(400);
    await http.get('/permissions?ids=a&ids=b').expect(400);
    await http.get('/l1/permissions?ids=a&ids=b').expect(400);
    const tooLong = await http.get(`/permissions/${'x'.repeat(2_100)}`).expect(400);
    expect(tooLong.body).toMatchObject({ code: 'INVALID_KEY', retriable: false });
    backend.writeItem('permissions', itemKeyOf('permissions', 'broken'), { value: '{' });
    const broken = await http.get('/permissions/broken').expect(500);
    expect(broken.body).toMatchObject({ code: 'MALFORMED_ITEM' });
  });

  it('exports its metrics', async () => {
    const { text } = await request(pod.url)
      .get('/metrics')
      .expect(200)
      .expect('Content-Type', /text\/plain/);
    expect(text).toMatch(/^tidemark_cache_entries\{cache="permissions"\} \d+$/m);
  });

  it('is ready and live', async () => {
    const http = request(pod.url);
    await http.get('/health/live').expect(200);
    const ready = await http.get('/health/ready').expect(200);
    expect(ready.body).toMatchObject({ status: 'ok', details: { tidemark: { status: 'up', state: 'live' } } });
  });
});
