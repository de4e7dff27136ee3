import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { KeyQueue } from './key-queue.js';

interface Task {
  readonly run: () => Promise<string>;
  readonly end: (outcome?: Error) => void;
}

/** A task that lasts until it is told to end. */
function task(name: string, began: string[]): Task {
  let end: Task['end'] = () => undefined;
  const done = new Promise<string>((resolve, reject) => {
    end = (error) => (error === undefined ? resolve(name) : reject(error));
  });
  const run = (): Promise<string> => {
    began.push(name);
    return done;
  };
  return { run, end: (error) => end(error) };
}

describe('KeyQueue', () => {
  it('hazard 40: runs tasks of one key one after the other, in order', async () => {
    const queue = new KeyQueue();
    const began: string[] = [];
    const [a, b, c] = [task('a', began), task('b', began), task('c', began)];
    const results = [a, b, c].map(({ run }) => queue.run('k', run));
    await settle();
    expect(began).toEqual(['a']);
    b.end();
    a.end();
    await settle();
    expect(began).toEqual(['a', 'b', 'c']);
    c.end();
    await expect(Promise.all(results)).resolves.toEqual(['a', 'b', 'c']);
  });

  it('runs tasks of different keys side by side, and a lone one at once', () => {
    const queue = new KeyQueue();
    const began: string[] = [];
    void queue.run('k', task('a', began).run);
    void queue.run('l', task('b', began).run);
    expect(began).toEqual(['a', 'b']);
  });

  it('goes on after a task that fails', async () => {
    const queue = new KeyQueue();
    const began: string[] = [];
    const [a, b] = [task('a', began), task('b', began)];
    const first = queue.run('k', a.run);
    const second = queue.run('k', b.run);
    a.end(new Error('broken'));
    b.end();
    await expect(first).rejects.toThrow('broken');
    await expect(second).resolves.toBe('b');
  });

  it('refuses a task when too many of its key wait, and takes it when they are done', async () => {
    const queue = new KeyQueue(2);
    const began: string[] = [];
    const [a, b, c, d] = [task('a', began), task('b', began), task('c', began), task('d', began)];
    const first = [queue.run('k', a.run), queue.run('k', b.run)];
    await expect(queue.run('k', c.run)).rejects.toMatchObject({ code: 'QUEUE_FULL', retriable: true });
    a.end();
    b.end();
    await Promise.all(first);
    await queue.idle();
    void queue.run('k', d.run);
    expect(began).toEqual(['a', 'b', 'd']);
  });

  it('refuses a task of whatever key when too many are in hand, and takes it when they are done', async () => {
    const queue = new KeyQueue(2, 3);
    const began: string[] = [];
    const [a, b, c, d] = [task('a', began), task('b', began), task('c', began), task('d', began)];
    const first = [queue.run('k', a.run), queue.run('l', b.run), queue.run('l', c.run)];
    await expect(queue.run('m', d.run)).rejects.toMatchObject({ code: 'QUEUE_FULL', retriable: true });
    for (const { end } of [a, b, c]) end();
    await Promise.all(first);
    await queue.idle();
    void queue.run('m', d.run);
    expect(began).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is idle when what runs and waits has ended, and keeps no key then', async () => {
    const queue = new KeyQueue();
    const [a, b] = [task('a', []), task('b', [])];
    void queue.run('k', a.run);
    void queue.run('k', b.run);
    let idle = false;
    const waited = queue.idle().then(() => (idle = true));
    a.end();
    await settle();
    expect([idle, queue.isBusy('k')]).toEqual([false, true]);
    b.end();
    await waited;
    expect(queue.isBusy('k')).toBe(false);
  });
});
