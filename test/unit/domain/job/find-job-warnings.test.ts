import { describe, expect, test } from '@jest/globals';
import { JobInput } from '../../../../domain/job/job.ts';
import { findJobWarnings } from '../../../../domain/job/find-job-warnings.ts';
import { extractSecrets } from '../../../../domain/job/extract-secrets.ts';

const warningsOf = (job: object) =>
  findJobWarnings(
    extractSecrets(JobInput.parse({ name: 'x', schedule: { every: '1h' }, target: callTo({}), ...job }))
      .definition,
  );
const callTo = (more: object) => ({ type: 'http', url: 'https://example.com/', ...more });

describe('a text body that holds JSON and goes as text/plain', () => {
  test.each([
    '{"a":1}',
    ' [1, 2]\n',
    '[]',
    '{}',
    '\ufeff{"a":1}',
    '{"run":"{{runId}}","attempt":{{ attempt }}}',
    '{"a":"\\\\{{x}}"}',
  ])('%j is warned of', (body) => {
    expect(warningsOf({ target: callTo({ body }) })).toEqual([
      {
        path: 'target.body',
        code: 'json_as_text',
        message: expect.stringMatching(/text\/plain; .*Content-Type/),
      },
    ]);
  });

  test.each([
    { body: 'Merry Christmas' },
    { body: '{{runId}}' },
    { body: '[{{runId}}, and so on' },
    { body: '{not json}' },
    { body: '1' },
    { body: 'null' },
    { body: '"text"' },
    { body: '' },
    { body: { a: 1 } },
    { body: ['{"a":1}'] },
    { body: '{"a":1}', headers: { 'CONTENT-type': 'text/plain' } },
    { body: '{"a":1}', headers: { 'Content-Type': { secret: 'application/json' } } },
    { bodyBase64: Buffer.from('{"a":1}').toString('base64') },
    {},
  ])('%j is not', (more) => expect(warningsOf({ target: callTo(more) })).toEqual([]));

  test('of a hook is, too, with its own placeholders', () => {
    const target = callTo({ body: '{"text":"{{jobName}}","n":{{consecutiveFailures}}}' });
    const job = { target: callTo({ body: '{}' }), onFailure: { target }, onRecovery: { target } };
    expect(warningsOf(job).map(({ path }) => path)).toEqual([
      'target.body',
      'onFailure.target.body',
      'onRecovery.target.body',
    ]);
  });

  test('a workflow has no such body', () => {
    const target = { type: 'workflow', workflowType: 'w', taskQueue: 'q', args: ['{"a":1}'] };
    expect(warningsOf({ target })).toEqual([]);
  });
});
