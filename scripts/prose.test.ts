/** Every page of prose in the repository: line lengths, links, and what it may cite. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { anchorsOf, foreignCitations, linksOf, longLines, pagesNamedIn } from './prose.ts';

const ROOT = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));
// Snapshots of a package's types, which a program writes, are no prose.
const pages = tracked.filter((file) => file.endsWith('.md') && !file.endsWith('.api.md'));
const sources = tracked.filter((file) =>
  /^(packages\/[^/]+\/src|test|scripts|bench|examples)\/.*\.(ts|mjs|py)$/.test(file),
);
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

test('there are pages and sources', () => {
  expect(pages).toContain('docs/trust.md');
  expect(sources).toContain('scripts/prose.ts');
});

test('no line of a page is longer than 120 characters', () => {
  expect(pages.flatMap((page) => longLines(read(page)).map((line) => `${page}:${line}`))).toEqual([]);
});

test('ARCHITECTURE.md has at most 5 KB', () => {
  expect(Buffer.byteLength(read('ARCHITECTURE.md'))).toBeLessThanOrEqual(5 * 1024);
});

test('every link to a file or a heading of the repository leads somewhere', () => {
  const anchors = new Map(pages.map((page) => [page, anchorsOf(read(page))]));
  const broken = pages.flatMap((page) =>
    linksOf(read(page))
      .filter(({ target, anchor }) => {
        const path = target === '' ? page : relative(ROOT, join(ROOT, dirname(page), target));
        if (path.startsWith('..') || !existsSync(join(ROOT, path))) return true;
        // Line numbers of sources and the like are not checked.
        return anchor !== '' && path.endsWith('.md') && !anchors.get(path)?.has(anchor);
      })
      .map(({ target, anchor }) => `${page} links to ${target}${anchor && `#${anchor}`}`),
  );
  expect(broken).toEqual([]);
});

test('nobody cites a document that is not in the repository', () => {
  const files = [...pages, ...sources].filter((file) => !file.startsWith('scripts/prose.'));
  expect(files.flatMap((file) => foreignCitations(file, read(file)))).toEqual([]);
});

test('every page that a source names is there', () => {
  const named = sources
    .filter((file) => !file.startsWith('scripts/prose.'))
    .flatMap((file) => pagesNamedIn(read(file)).map((page) => ({ file, page })));
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ page }) => !existsSync(join(ROOT, page))).map(({ file, page }) => `${file}: ${page}`)).toEqual(
    [],
  );
});

test('every page below docs is in the index of docs/README.md', () => {
  const index = linksOf(read('docs/README.md')).map(({ target }) => join('docs', target));
  const listed = pages.filter((page) => page.startsWith('docs/') && !page.startsWith('docs/adr/'));
  expect(listed.filter((page) => page !== 'docs/README.md' && !index.includes(page))).toEqual([]);
});

describe('these checks find', () => {
  const over = 'x'.repeat(121);

  test('a long line, in prose, tables and code', () => {
    expect(longLines(`short\n${over}\n`)).toEqual([2]);
    expect(longLines(`| ${over} |\n`)).toEqual([1]);
    expect(longLines(`\`\`\`sh\n${over}\n\`\`\`\n`)).toEqual([2]);
    expect(longLines(`${'ü'.repeat(120)}\n`)).toEqual([]);
  });

  test('no long line where it is data that nobody may break', () => {
    for (const info of ['ndjson acme', 'json receipt', 'json trailer']) {
      expect(longLines(`\`\`\`${info}\n${over}\n\`\`\`\n${over}\n`)).toEqual([4]);
    }
  });

  test('the anchors of headings, as GitHub makes them', () => {
    const page = '# The `_system` chain\n## What\'s new?\n```\n# no heading\n```\n## What\'s new?\n<a id="here"></a>\n';
    expect([...anchorsOf(page)]).toEqual(['the-_system-chain', 'whats-new', 'whats-new-1', 'here']);
  });

  test('links, and none in code', () => {
    const page =
      'See [a](b.md#c) and [d](#e), [f](https://g.example/h).\n`[i](j.md)`\n```\n[k](l.md)\n```\n[m]: n.md\n';
    expect(linksOf(page)).toEqual([
      { target: 'b.md', anchor: 'c' },
      { target: '', anchor: 'e' },
      { target: 'n.md', anchor: '' },
    ]);
  });

  test('pages that a source names', () => {
    expect(pagesNamedIn('/** As docs/a/b.md §2 says. */\nconst c = `see docs/d.md`;')).toEqual([
      'docs/a/b.md',
      'docs/d.md',
    ]);
  });

  test('citations of what is not here', () => {
    const cited = ['(FACTS A8)', 'DESIGN.md', 'issue 13', 'the design fences', 'as STYLE.md says'];
    for (const text of cited) {
      expect(foreignCitations('a.md', `first\n${text}\n`)).toEqual([`a.md:2: ${text}`]);
      expect(foreignCitations('a.ts', `const a = 1; // ${text}\n`)).toHaveLength(1);
      expect(foreignCitations('a.ts', `/**\n * ${text}\n */\n`)).toHaveLength(1);
      expect(foreignCitations('a.ts', `const a = '${text}';\n`)).toEqual([]);
    }
    expect(foreignCitations('a.md', 'by design, [nats-server#8456](https://github.com/nats-io/x/issues/4)\n')).toEqual(
      [],
    );
    expect(foreignCitations('a.md', '`accounts: [READERS]`, account READERS\n')).toEqual([]);
  });
});
