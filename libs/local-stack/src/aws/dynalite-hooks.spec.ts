/// <reference types="./emulators.d.ts" />
import { describe, expect, it } from '@jest/globals';
import db from 'dynalite/db/index.js';
import dynalite from 'dynalite';
import { DynaliteDatabase } from './dynalite-database.js';
import { type ItemWrite } from './item-write.js';
import { callListener, type Listener } from './listener-call.js';

function hooked(): { database: DynaliteDatabase; writes: ItemWrite[] } {
  const writes: ItemWrite[] = [];
  const hooks = { beforeWrite: () => undefined, afterWrite: (write: ItemWrite) => void writes.push(write) };
  return { database: new DynaliteDatabase({ region: 'r', accountId: '1', hooks }), writes };
}

const schema = {
  AttributeDefinitions: [{ AttributeName: 'key', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'key', KeyType: 'HASH' }],
};
const client = { kind: 'client' } as const;

describe('dynalite hooks', () => {
  it('are installed once, however many databases there are', () => {
    hooked();
    const { updateIndexes, create, checkConditional } = db;
    hooked();
    expect(db).toMatchObject({ updateIndexes, create, checkConditional });
  });

  it('tell each database of its own writes only', async () => {
    const [one, two] = [hooked(), hooked()];
    for (const { database } of [one, two]) await database.createTable('things', schema);
    await one.database.putItem('things', { key: { S: 'a' } }, client);
    expect(one.writes).toMatchObject([{ keys: { key: { S: 'a' } }, oldItem: undefined, newItem: { key: { S: 'a' } } }]);
    expect(two.writes).toEqual([]);
  });

  it('stop a write with what beforeWrite returns, and announce nothing', async () => {
    const writes: ItemWrite[] = [];
    const refusal = new Error('refused');
    const hooks = { beforeWrite: () => refusal, afterWrite: (write: ItemWrite) => void writes.push(write) };
    const database = new DynaliteDatabase({ region: 'r', accountId: '1', hooks });
    await database.createTable('things', schema);
    await expect(database.putItem('things', { key: { S: 'a' } }, client)).rejects.toBe(refusal);
    for await (const item of database.items('things')) expect(item).toBeUndefined();
    expect(writes).toEqual([]);
  });

  it('announce a write only once it is stored', async () => {
    const reads: Promise<number>[] = [];
    const hooks = { beforeWrite: () => undefined, afterWrite: () => void reads.push(count()) };
    const database = new DynaliteDatabase({ region: 'r', accountId: '1', hooks });
    const count = async (): Promise<number> => {
      let items = 0;
      for await (const _item of database.items('things')) items++;
      return items;
    };
    await database.createTable('things', schema);
    await database.putItem('things', { key: { S: 'a' } }, client);
    expect(await Promise.all(reads)).toEqual([1]);
  });

  it('leave an instance alone that somebody else made', async () => {
    hooked();
    const [listener] = dynalite({ createTableMs: 0 }).listeners('request');
    const call = (operation: string, input: object) =>
      callListener(listener as Listener, {
        method: 'POST',
        url: '/',
        headers: {
          'content-type': 'application/x-amz-json-1.0',
          'x-amz-target': `DynamoDB_20120810.${operation}`,
          'x-amz-date': 'now',
          authorization: 'AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c',
        },
        operation,
        body: Buffer.from(JSON.stringify(input)),
      });
    const created = await call('CreateTable', { TableName: 'things', BillingMode: 'PAY_PER_REQUEST', ...schema });
    expect(created.statusCode).toBe(200);
    let active = false;
    while (!active) active = String((await call('DescribeTable', { TableName: 'things' })).body).includes('"ACTIVE"');
    expect((await call('PutItem', { TableName: 'things', Item: { key: { S: 'a' } } })).statusCode).toBe(200);
    const { body } = await call('GetItem', { TableName: 'things', Key: { key: { S: 'a' } } });
    expect(JSON.parse(String(body))).toEqual({ Item: { key: { S: 'a' } } });
  });
});
