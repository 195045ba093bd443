import { expect, test } from '@jest/globals';
import { forEachIsolated } from '../../../platform/for-each-isolated.ts';

const failing = (...bad: number[]) => {
  const done: number[] = [];
  const work = async (item: number) => {
    if (bad.includes(item)) throw new Error(`item ${item}`);
    done.push(item);
  };
  return { done, work };
};
const ignore = { isFatal: () => false, onFailure: () => undefined };

test('a failure of one item is handled, and the others are processed', async () => {
  const { done, work } = failing(1, 3);
  const failures: string[] = [];
  const onFailure = (item: number, error: unknown) => void failures.push(`${item}: ${String(error)}`);
  const begun = await forEachIsolated([0, 1, 2, 3, 4], { ...ignore, concurrency: 2, onFailure }, work);
  expect(begun).toBe(5);
  expect(done).toEqual([0, 2, 4]);
  expect(failures).toEqual(['1: Error: item 1', '3: Error: item 3']);
});

test('a fatal error ends the loop, and is not handled', async () => {
  const { done, work } = failing(1);
  const failures: number[] = [];
  const isolation = {
    concurrency: 1,
    isFatal: () => true,
    onFailure: (item: number) => void failures.push(item),
  };
  await expect(forEachIsolated([0, 1, 2], isolation, work)).rejects.toThrow('item 1');
  expect(done).toEqual([0]);
  expect(failures).toEqual([]);
});

test('an error in handling a failure ends the loop', async () => {
  const { done, work } = failing(0);
  const onFailure = () => {
    throw new Error('no database');
  };
  await expect(forEachIsolated([0, 1], { ...ignore, concurrency: 1, onFailure }, work)).rejects.toThrow(
    'no database',
  );
  expect(done).toEqual([]);
});

test('starts nothing after its deadline, and returns how many it has started', async () => {
  const { done, work } = failing();
  const isOver = () => done.length >= 2;
  expect(await forEachIsolated([0, 1, 2, 3], { ...ignore, concurrency: 1, isOver }, work)).toBe(2);
  expect(done).toEqual([0, 1]);
});
