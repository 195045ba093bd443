import type { LookupAddress } from 'node:dns';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Resolve } from '../../../../activities/call/ssrf-guard.ts';
import { createGuardedDispatcher } from '../../../../activities/call/guarded-dispatcher.ts';
import { HttpTarget } from '../../../../domain/target/http-target.ts';
import { parseAddressRules } from '../../../../platform/address-rules.ts';
import { callTarget } from '../../../support/call-target.ts';
import { startCountingListener, type CountingListener } from '../../../support/counting-listener.ts';

let listener: CountingListener;
beforeAll(async () => {
  listener = await startCountingListener();
});
beforeEach(() => {
  listener.reachedAt.length = 0;
});
afterAll(() => listener.stop());

// 127.0.0.1 is allowed here and stands for a public address, so that no test needs the network. 127.0.0.2, where the same
// listener answers, is forbidden.
const ALLOWED = '127.0.0.1';
const FORBIDDEN = '127.0.0.2';
const PUBLIC = '93.184.216.34';

/** Resolves the first query to the first list of addresses, and so on. The last list is repeated. */
function resolveInTurn(...answers: string[][]) {
  const asked: string[] = [];
  const resolve: Resolve = (host, _options, callback) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(host);
    setImmediate(
      callback,
      null,
      addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return { resolve, asked };
}

async function call(resolve: Resolve, times: number, url = `http://rebinding.example:${listener.port}/`) {
  const dispatcher = createGuardedDispatcher(parseAddressRules(ALLOWED).rules, resolve);
  const target = HttpTarget.parse({ type: 'http', url, timeout: '2s' });
  const outcomes = [];
  for (let count = 0; count < times; count += 1) {
    outcomes.push(await callTarget(dispatcher, target));
  }
  return outcomes;
}

const FORBIDDEN_OUTCOME = {
  verdict: 'final',
  error: expect.stringMatching(/rebinding\.example: the address .* is not public/),
};

describe('a name that changes its address (DNS rebinding)', () => {
  test('after the check is called at the checked address', async () => {
    const { resolve, asked } = resolveInTurn([ALLOWED], [FORBIDDEN]);
    const [outcome] = await call(resolve, 1);
    expect(outcome).toMatchObject({ verdict: 'succeeded' });
    expect(listener.reachedAt).toEqual([ALLOWED]);
    // The name is not resolved again between the check and the connection.
    expect(asked).toEqual(['rebinding.example']);
  });

  test('before the next call is refused there', async () => {
    const { resolve } = resolveInTurn([ALLOWED], [FORBIDDEN]);
    const [first, second] = await call(resolve, 2);
    expect(first).toMatchObject({ verdict: 'succeeded' });
    expect(second).toMatchObject(FORBIDDEN_OUTCOME);
    expect(listener.reachedAt).toEqual([ALLOWED]);
  });

  test('with each query is only called at the allowed address', async () => {
    const answers = Array.from({ length: 20 }, (_, index) => [index % 2 === 0 ? ALLOWED : FORBIDDEN]);
    const { resolve, asked } = resolveInTurn(...answers);
    const outcomes = await call(resolve, 20);
    outcomes.forEach((outcome, index) =>
      expect(outcome).toMatchObject(index % 2 === 0 ? { verdict: 'succeeded' } : FORBIDDEN_OUTCOME),
    );
    expect(listener.reachedAt).toEqual(Array.from({ length: 10 }, () => ALLOWED));
    expect(asked).toHaveLength(20);
  });
});

test.each([
  [[PUBLIC, FORBIDDEN]],
  [[FORBIDDEN, PUBLIC]],
  [[ALLOWED, FORBIDDEN]],
  [[ALLOWED, '::1']],
  [[PUBLIC, '::ffff:127.0.0.2']],
  [[ALLOWED, '169.254.169.254']],
])('a name with the addresses %j is not called at all', async (addresses) => {
  const [outcome] = await call(resolveInTurn(addresses).resolve, 1);
  expect(outcome).toMatchObject(FORBIDDEN_OUTCOME);
  expect(listener.reachedAt).toEqual([]);
});

test.each<[string, string[], RegExp]>([
  ['nothing', [], /has no address/],
  ['what is no address', ['localhost'], /"localhost" is no IP address/],
  ['an address in another spelling', ['0x7f.1'], /"0x7f.1" is no IP address/],
])('a resolver that answers %s fails the call, and nothing else', async (_name, addresses, message) => {
  const [outcome] = await call(resolveInTurn(addresses).resolve, 1);
  expect(outcome).toMatchObject({ error: expect.stringMatching(message) });
  expect(listener.reachedAt).toEqual([]);
});

test.each(['secure.example', 'SECURE.example', 'secure.example.'])(
  'https://%s asks for the certificate of the name, not of the address',
  async (host) => {
    const names: (string | undefined)[] = [];
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', (hello) => {
          names.push(/[a-z.]*\.example\.?/i.exec(hello.toString('latin1'))?.[0]);
          socket.destroy();
        });
    });
    await new Promise<void>((resolve) => server.listen(0, ALLOWED, resolve));
    const { port } = server.address() as AddressInfo;
    await call(resolveInTurn([ALLOWED]).resolve, 1, `https://${host}:${port}/`);
    await new Promise((resolve) => server.close(resolve));
    expect(names).toEqual(['secure.example']);
  },
);
