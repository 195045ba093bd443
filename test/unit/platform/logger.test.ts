import { describe, expect, test } from '@jest/globals';
import { createLoggerTo, type Logger } from '../../../platform/logger.ts';

/** The lines that a logger writes during `work`. */
function linesOf(work: (logger: Logger) => void): string {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  work(createLoggerTo(stream, { level: 'trace', name: 'test' }));
  return lines.join('');
}

describe('the log', () => {
  test('is one JSON object a line, with the fields of the logger and of the line', () => {
    const line = linesOf((logger) => logger.child({ requestId: 'r-12345678' }).info({ jobId: 'j' }, 'said'));
    expect(line.endsWith('\n')).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      service: 'test',
      requestId: 'r-12345678',
      jobId: 'j',
      msg: 'said',
    });
  });

  const planted = 'planted-5b1c7e';
  test.each<[string, (logger: Logger) => void]>([
    ['an authorization header', (logger) => logger.info({ authorization: `Digest ${planted}` })],
    [
      'one of a request',
      (logger) => logger.info({ request: { headers: { Authorization: `AWS4 ${planted}` } } }),
    ],
    [
      'one deeper still',
      (logger) => logger.info({ a: { b: { c: { d: { authorization: `X "${planted}"` } } } } }),
    ],
    ['one in a text', (logger) => logger.info(`sent Authorization: Bearer ${planted}`)],
    ['a secret', (logger) => logger.info({ target: { signing: { secret: planted } } })],
    ['several of them', (logger) => logger.info({ call: { secrets: [planted, `${planted}-2`] } })],
    ['a secret of signatures in an error', (logger) => logger.error({ err: new Error(`whsec_${planted}`) })],
    ['a key of a child', (logger) => logger.child({ apiKey: planted }).info('said')],
    ['an API key in a text', (logger) => logger.info(`the key sched_live_${planted.replace('-', '')}`)],
    [
      'the configuration',
      (logger) => logger.info({ config: { SECRET_KEYS: [{ key: planted }], API_KEY_PEPPER: planted } }),
    ],
    [
      'a connection string',
      (logger) => logger.warn(`could not connect to postgres://user:${planted}@db:5432/scheduler`),
    ],
    [
      'one of an error and its cause',
      (logger) =>
        logger.error({ err: new Error('no', { cause: new Error(`redis://:${planted}@cache/0 is away`) }) }),
    ],
    [
      'a token',
      (logger) => logger.info({ detail: `eyJ${planted}.eyJzdWIiOiJ4In0.c2lnbmF0dXJl-${planted} is old` }),
    ],
  ])('redacts %s', (_name, log) => {
    const lines = linesOf(log);
    expect(lines).toContain('[redacted]');
    expect(lines).not.toMatch(/planted|5b1c7e/);
    for (const line of lines.trimEnd().split('\n')) expect(() => void JSON.parse(line)).not.toThrow();
  });

  test('keeps texts that are no secrets', () => {
    const fields = {
      url: 'https://example.com/a@b?x=1',
      error: 'the target answered 500',
      mail: 'a@b.example',
    };
    expect(JSON.parse(linesOf((logger) => logger.info(fields, 'the bearer of news')))).toMatchObject({
      ...fields,
      msg: 'the bearer of news',
    });
  });
});
