import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import {
  mergeOccurrences,
  nearestSources,
  sourceOf,
  type OccurrenceSource,
} from '../../../../scheduling/occurrences/merge-occurrences.ts';

function* every(period: number, from = period): Generator<number> {
  for (let instant = from; ; instant += period) yield instant;
}

const open = (sources: Record<string, Iterator<number>>, before = Infinity): OccurrenceSource[] =>
  Object.entries(sources).flatMap(([id, instants]) => sourceOf(id, instants, before) ?? []);
const merge = async (sources: Record<string, Iterator<number>>, limit: number, before = Infinity) =>
  (await mergeOccurrences(open(sources, before), { before, limit })).map(({ id, at }) => `${at}${id}`);

test('occurrences are merged by instant, and those of one instant by the ids of their jobs', async () => {
  const sources = { b: every(2), a: every(3), c: every(6) };
  expect(await merge(sources, 8)).toEqual(['2b', '3a', '4b', '6a', '6b', '6c', '8b', '9a']);
});

test('the order is that of all occurrences sorted, whatever the limit', async () => {
  const periods = [7, 1, 5, 3, 11, 2];
  const all = periods
    .flatMap((period, index) =>
      Array.from({ length: 60 }, (_, nth) => ({ at: period * (nth + 1), id: `j${index}` })),
    )
    .sort((one, other) => one.at - other.at || (one.id < other.id ? -1 : 1))
    .map(({ id, at }) => `${at}${id}`);
  for (const limit of [1, 2, 5, 40])
    expect(
      await merge(Object.fromEntries(periods.map((period, index) => [`j${index}`, every(period)])), limit),
    ).toEqual(all.slice(0, limit));
});

test('the end of the window is no part of it, and a source may end before', async () => {
  expect(await merge({ a: [1, 4].values(), b: every(2), c: every(6) }, 9, 6)).toEqual([
    '1a',
    '2b',
    '4a',
    '4b',
  ]);
  expect(await merge({ a: [].values() }, 9)).toEqual([]);
});

test('no source is searched further than the page needs', async () => {
  let searched = 0;
  function* counted() {
    for (const instant of every(1)) {
      searched++;
      yield instant;
    }
  }
  expect(await merge({ a: counted(), b: [2].values() }, 3)).toEqual(['1a', '2a', '2b']);
  expect(searched).toBe(3);
});

test('of many sources, only those that begin first are kept', () => {
  const sources = open({ late: every(9), b: every(2), a: every(2) });
  expect(nearestSources(sources, 2).map(({ id }) => id)).toEqual(['a', 'b']);
});

test('other tasks run while a long page is merged', async () => {
  let ticks = 0;
  let isOver = false;
  const merging = mergeOccurrences(open({ a: every(1) }), { before: Infinity, limit: 200 });
  void merging.then(() => (isOver = true));
  while (!isOver) {
    await setImmediate();
    ticks++;
  }
  expect(ticks).toBeGreaterThan(10);
});
