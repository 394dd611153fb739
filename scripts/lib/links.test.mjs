// Links inside the repository: of its pages to files and headings, and of its sources to pages of the documentation.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './repository.mjs';

/** Files below a folder, as paths from the root; what is installed or built is left out. */
const filesIn = (folder) =>
  readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory())
      return /^(\.|node_modules$|dist|html$|out$)/.test(entry.name) ? [] : filesIn(path);
    return [path];
  });
const read = (path) => readFileSync(join(ROOT, path), 'utf8');

/** Without code, which may hold what looks like a link or a heading. */
const prose = (markdown) => markdown.replace(/^(```|~~~).*?^\1/gms, '').replace(/`[^`\n]*`/g, 'code');

/** The anchors of a page, as GitHub makes them of its headings. */
function anchors(markdown) {
  const seen = new Map();
  const headings = markdown.replace(/^(```|~~~).*?^\1/gms, '').matchAll(/^#{1,6} +(.+?) *#*$/gm);
  return new Set(
    Array.from(headings, ([, heading]) => {
      const text = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1');
      const slug = text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times ? `${slug}-${times}` : slug;
    }),
  );
}

/** Targets of inline links, images and reference definitions, with the line of each. */
function links(markdown) {
  const lines = prose(markdown).split('\n');
  return lines.flatMap((line) =>
    [...line.matchAll(/\]\(<?([^)\s>]+)>?[^)]*\)|^\[[^\]]+\]: *<?([^\s>]+)>?/g)].map(
      ([, inline, defined]) => inline ?? defined,
    ),
  );
}

function faults(page, markdown) {
  return links(markdown)
    .filter((target) => !/^[a-z][a-z+.-]*:/i.test(target))
    .flatMap((target) => {
      const [path, anchor] = target.split('#');
      const file = path ? join(dirname(page), decodeURI(path)) : page;
      if (!existsSync(join(ROOT, file))) return [`${page}: there is no ${target}`];
      if (anchor && !anchors(path ? read(file) : markdown).has(anchor))
        return [`${page}: there is no heading ${target}`];
      return [];
    });
}

test('finds links to files and headings that are not there, and no others', () => {
  const page = `# One \`two\`: three
[a](#one-two-three) [b](#four) [c](nowhere.md) ![d](CONTRIBUTING.md "title") [e](https://example.org/x) \`[f](code)\`
\`\`\`md
# Four
[g](in-a-block.md)
\`\`\`
[h]: gone.md
`;
  expect(faults('README.md', page)).toEqual([
    'README.md: there is no heading #four',
    'README.md: there is no nowhere.md',
    'README.md: there is no gone.md',
  ]);
});

test('the pages of the repository hold no dead link', () => {
  const pages = [...readdirSync(ROOT), ...['docs', 'examples', 'models', 'training'].flatMap(filesIn)].filter(
    (path) => path.endsWith('.md'),
  );
  expect(pages).toEqual(expect.arrayContaining(['README.md', 'CHANGELOG.md', 'docs/guide/errors.md']));
  expect(pages.flatMap((page) => faults(page, read(page)))).toEqual([]);
});

test('the sources name no page of the documentation that is not there', () => {
  const sources = ['src', 'scripts', 'demo', 'e2e', 'training', 'models'].flatMap(filesIn);
  const text = sources.filter((path) => /\.(ts|mjs|py|yaml|md|card\.json)$/.test(path));
  const dead = text.flatMap((source) =>
    [...read(source).matchAll(/\bdocs\/[\w/-]+\.(?:md|svg|png)\b/g)]
      .filter(([path]) => !existsSync(join(ROOT, path)))
      .map(([path]) => `${source}: ${path}`),
  );
  expect(dead).toEqual([]);
});
