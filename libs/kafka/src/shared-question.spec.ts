import { describe, expect, it } from '@jest/globals';
import { settle } from '@tidemark/runtime/testing';
import { SharedQuestion } from './shared-question.js';

function questions() {
  const asked: { resolve: (answer: number) => void; reject: (error: Error) => void }[] = [];
  const question = new SharedQuestion(() => new Promise<number>((resolve, reject) => asked.push({ resolve, reject })));
  return { asked, question };
}

describe('SharedQuestion', () => {
  it('answers whoever comes meanwhile by one question asked after they came', async () => {
    const { asked, question } = questions();
    const first = question.answer();
    const later = [question.answer(), question.answer()];
    expect(asked).toHaveLength(1);
    asked[0]?.resolve(1);
    await expect(first).resolves.toBe(1);
    await settle();
    expect(asked).toHaveLength(2);
    const last = question.answer();
    asked[1]?.resolve(2);
    await expect(Promise.all(later)).resolves.toEqual([2, 2]);
    await settle();
    asked[2]?.resolve(3);
    await expect(last).resolves.toBe(3);
  });

  it('asks again after a failure, which only those are told who asked with it', async () => {
    const { asked, question } = questions();
    const first = question.answer();
    const second = question.answer();
    asked[0]?.reject(new Error('no'));
    await expect(first).rejects.toThrow('no');
    await settle();
    asked[1]?.resolve(2);
    await expect(second).resolves.toBe(2);
    await settle();
    const third = question.answer();
    asked[2]?.resolve(3);
    await expect(third).resolves.toBe(3);
  });
});
