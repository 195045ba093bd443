import { describe, expect, test } from '@jest/globals';
import { parsePatched } from '../../../../api/rest/parse-patched.ts';
import type { SchedulerError } from '../../../../domain/errors.ts';
import { JobInput } from '../../../../domain/job/job.ts';
import { mergePatch } from '../../../../domain/job/merge-patch.ts';

/** As an older version may have stored it. Today's rules refuse parts of it. */
const old = {
  name: 'x',
  description: '',
  labels: { team: 'a\u200bb', 'a b': 'x', kept: 'y' },
  schedule: { every: '5m' },
  target: {
    type: 'http',
    url: 'https://example.com/a/../b',
    headers: { 'X-Old': 'blank ', 'X-Good': 'x', 'X-Secret': { secret: true } },
    body: 'x',
  },
  policy: { concurrencyKey: 'a\u202eb', maxConcurrent: 2 },
};

const patchOld = (patch: object) => parsePatched(JobInput, mergePatch(old, patch) as object, old);

function pathsRefused(patch: object): string[] {
  try {
    patchOld(patch);
  } catch (error) {
    return (error as SchedulerError).errors.map(({ path }) => path).sort();
  }
  throw new Error('nothing was refused');
}

describe('a value that a patch does not touch', () => {
  test('keeps its old faults', () => {
    expect(patchOld({ target: { timeout: '5s' }, labels: { more: 'cafe\u0301' } })).toMatchObject({
      labels: { ...old.labels, more: 'caf\u00e9' },
      target: { ...old.target, timeout: '5s' },
      policy: old.policy,
    });
  });

  test('can be removed, or corrected', () => {
    const labels = { team: null, 'a b': null };
    const patched = patchOld({
      labels,
      target: { url: 'https://example.com/b', headers: { 'X-Old': null } },
    });
    expect(patched).toMatchObject({ labels: { kept: 'y' }, target: { url: 'https://example.com/b' } });
    expect(patched.labels).toEqual({ kept: 'y' });
  });
});

describe('a value that a patch touches is validated', () => {
  test.each<[string, object, string[]]>([
    ['a fault elsewhere', { labels: { more: 'a\u200b' } }, ['labels.more']],
    ['another fault in the same place', { labels: { team: 'a\u200cb' } }, ['labels.team']],
    ['another URL', { target: { url: 'https://example.com/../c' } }, ['target.url']],
    // The body is unchanged, but was valid before.
    ['a method that does not go with the body', { target: { method: 'GET' } }, ['target.body']],
    ['a field that there is not', { policy: { retries: 1 } }, ['policy.retries']],
    ['what is needed and taken away', { target: { url: null } }, ['target.url']],
  ])('%s', (_, patch, paths) => {
    expect(pathsRefused(patch)).toEqual(expect.arrayContaining(paths));
  });
});
