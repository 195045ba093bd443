import { expect, test } from '@jest/globals';
import { watchTransactions } from '../faults/transactions.ts';
import { createRandom } from '../support/random.ts';

// Where in a transaction a process is, read from the messages that it sends to Postgres.

const message = (type: string, ...texts: string[]) => {
  const body = Buffer.from(texts.map((text) => `${text}\0`).join(''));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
};
const startup = message('', 'user', 'postgres');
const simple = (sql: string) => message('Q', sql);
const extended = (sql: string, name = '') =>
  Buffer.concat([message('P', name, sql), message('B', '', name), message('E', ''), message('S')]);

const TRANSACTION = [
  simple('begin; set local x = 1'),
  extended('SELECT 1\n  FOR UPDATE'),
  extended('UPDATE b'),
  extended('UPDATE c'),
  simple('commit'),
];

test('knows transactions by their first two statements, however their messages are cut up', () => {
  const watch = watchTransactions();
  const tap = watch.tapOf('worker-1', () => true)();
  const bytes = Buffer.concat([startup, simple('SELECT 0'), ...TRANSACTION, extended('INSERT')]);
  for (let at = 0; at < bytes.length; at += 7) expect(tap(bytes.subarray(at, at + 7))).toBe(true);
  expect(watch.known()).toEqual([
    { statements: 'SELECT 1 FOR UPDATE; UPDATE b', seen: 1, died: 0, length: 3 },
  ]);
});

test('knows the text of a statement that was prepared before', () => {
  const watch = watchTransactions();
  const tap = watch.tapOf('worker-1', () => true)();
  tap(Buffer.concat([startup, extended('DELETE a', 'named')]));
  tap(Buffer.concat([simple('BEGIN'), message('B', '', 'named'), simple('COMMIT')]));
  expect(watch.known()).toMatchObject([{ statements: 'DELETE a', length: 1 }]);
});

test('lets a process die after each of its statements, or in place of its commit, which never arrives', async () => {
  const places = new Set<number | 'commit'>();
  for (let seed = 0; seed < 20; seed++) {
    const watch = watchTransactions();
    let deaths = 0;
    const tap = watch.tapOf('worker-1', () => ++deaths > 0)();
    tap(startup);
    for (const bytes of TRANSACTION) tap(bytes);
    const death = watch.awaitDeath(createRandom(seed), 1_000);
    let last = true;
    for (const bytes of TRANSACTION) if (deaths === 0) last = tap(bytes);
    const { after = 0, process } = (await death) ?? {};
    expect(process).toBe('worker-1');
    expect(last).toBe(after !== 'commit');
    expect(watch.known()).toMatchObject([{ died: 1, seen: 2 }]);
    places.add(after);
  }
  expect(places).toEqual(new Set([2, 3, 'commit']));
});
