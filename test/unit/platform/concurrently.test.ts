import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { concurrently } from '../../../platform/concurrently.ts';

test('handles every item once, with at most the given concurrency', async () => {
  let underWay = 0;
  let most = 0;
  const done: number[] = [];
  const items = Array.from({ length: 20 }, (_, index) => index);
  await concurrently(items, 3, async (item) => {
    most = Math.max(most, ++underWay);
    await sleep(1);
    underWay--;
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.sort((a, b) => a - b)).toEqual(items);
});

test('after an error starts no more work, and throws the error once the work in flight has ended', async () => {
  const ended: number[] = [];
  const work = async (item: number) => {
    if (item === 1) throw new Error('item 1');
    await sleep(5);
    ended.push(item);
  };
  await expect(concurrently([0, 1, 2, 3, 4, 5], 2, work)).rejects.toThrow('item 1');
  expect(ended).toEqual([0]);
});
