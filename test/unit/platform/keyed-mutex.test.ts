import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createKeyedMutex } from '../../../platform/keyed-mutex.ts';

test('work with the same key runs in order, one at a time; other keys do not wait; a failure does not stop the next', async () => {
  const queue = createKeyedMutex();
  const done: string[] = [];
  let underWay = 0;
  const work =
    (name: string, ms: number, fails = false) =>
    async () => {
      expect(++underWay).toBe(1);
      await sleep(ms);
      underWay--;
      done.push(name);
      if (fails) throw new Error(name);
      return name;
    };
  const first = queue('a', work('first', 30, true));
  const second = queue('a', work('second', 10));
  const third = queue('a', work('third', 0));
  const other = queue('b', async () => 'other');
  await expect(other).resolves.toBe('other');
  expect(done).toEqual([]);
  await expect(first).rejects.toThrow('first');
  expect(await Promise.all([second, third])).toEqual(['second', 'third']);
  expect(done).toEqual(['first', 'second', 'third']);
});
