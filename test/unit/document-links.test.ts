import { expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/** Markdown files of the repository. */
const documents = execFileSync('git', ['ls-files', '*.md'], { encoding: 'utf8' }).trim().split('\n');

/** Layers and other folders whose files documents name in code spans. */
const FOLDERS =
  'activities|api|bench|db|deploy|docs|domain|examples|local|platform|scheduling|test|worker|workflows';
const FILE_IN_CODE = new RegExp(`\`((?:${FOLDERS})/[\\w./-]*)\``, 'g');

/** Links outside of code: [text](target), and the definitions of [text]: target. */
function linksIn(text: string): string[] {
  const prose = text.replace(/^```[^]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)].map(
    ([, target, defined]) => (target ?? defined) as string,
  );
}

/** The anchors of headings, as GitHub makes them. */
function anchorsIn(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8')
    .replace(/^```[^]*?^```/gm, '')
    .matchAll(/^#{1,6} +(.+)$/gm);
  return new Set([...headings].map(([, heading]) => anchorOf(heading as string)));
}

const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');

/** Words in brackets that are neither a link, nor a box to tick. */
const REFERENCE = /\[([\w-]+)\](?![(:\w[])/g;

test('each reference of the threat model to a test is defined, and each definition used', () => {
  const prose = readFileSync('docs/security.md', 'utf8').replace(/`[^`\n]*`/g, '');
  const defined = [...prose.matchAll(/^\[([^\]]+)\]: /gm)].map(([, name]) => name);
  const used = new Set([...prose.matchAll(REFERENCE)].map(([, name]) => name));
  expect([...used].sort()).toEqual(defined.sort());
});

test.each(documents)('every relative link of %s leads to a file and a heading', (document) => {
  const broken = linksIn(readFileSync(document, 'utf8')).filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [target = '', anchor] = link.split('#');
    const file = target === '' ? document : path.join(path.dirname(document), decodeURI(target));
    if (!existsSync(file)) return true;
    return anchor !== undefined && !(statSync(file).isFile() && anchorsIn(file).has(anchor));
  });
  expect(broken).toEqual([]);
});

// The changelog tells of files that have gone.
test.each(documents.filter((document) => document !== 'CHANGELOG.md'))(
  'every file and folder that %s names exists',
  (document) => {
    const named = [...readFileSync(document, 'utf8').matchAll(FILE_IN_CODE)].map(
      ([, name]) => name as string,
    );
    expect(named.filter((name) => !existsSync(name))).toEqual([]);
  },
);
