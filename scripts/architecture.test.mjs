// Which room of src may import which, type imports included. CONTRIBUTING.md describes the rooms.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';
import { expect, test } from 'vitest';
import { ROOT } from './lib/repository.mjs';

/** From top to bottom. A room imports rooms below its floor; rooms on the same floor don't know each other. */
const FLOORS = [
  ['index'],
  ['ai-sdk'],
  ['gmsa'],
  ['loading'],
  ['generation'],
  ['context'],
  ['workers'], // the worker's entry point and what starts it
  ['workers/compressor', 'workers/decoder'],
  ['workers/runtime'],
  ['workers/setup', 'workers/soft-tokens'], // what the page and both workers know of each other
  ['options'],
  ['model-folder'],
  ['quotes'],
  ['rpc', 'segments', 'webgpu-kernels'],
  ['errors', 'utils'],
];

const MOST_FILES_IN_ROOT = 6;

const PAGE = /^src\/(?!workers\/|webgpu-kernels\/|quotes\/|segments\/|errors|utils\/|testing\/)/;

/** What the floors don't say. `to` is a path as in `from`, or a package. */
const FORBIDDEN = [
  ['rpc knows nothing of the model', /^src\/rpc\//, /^src\/(?!rpc\/|errors\.ts|utils\/)/],
  ['segments are pure', /^src\/segments\//, /^(?!src\/(segments\/|errors\.ts|utils\/)|@noble\/|pure-rand\/)/],
  ['quotes are pure', /^src\/quotes\//, /^(?!src\/(quotes\/|segments\/|errors\.ts|utils\/))/],
  [
    'kernels know nothing of the product',
    /^src\/webgpu-kernels\//,
    /^src\/(?!webgpu-kernels\/|errors\.ts|utils\/)/,
  ],
  [
    'only workers/runtime imports ONNX Runtime',
    /^(src\/(?!workers\/runtime\/|testing\/)|demo\/)/,
    /^onnxruntime-/,
  ],
  ['the page knows the workers by their api.ts', PAGE, /^src\/workers\/(\w+\/(?!api\.ts)|gmsa\.worker)/],
  ['only tests import src/testing', /^src\/(?!testing\/)/, /^src\/testing\//],
  ['the demo uses the public entry points', /^demo\//, /^src\/(?!(ai-sdk\/)?index\.ts$)/],
];

/** @returns {string} of a file in src: its folder, or its own name in the root */
function roomOf(file) {
  const [first, second, third] = file
    .replace(/^src\//, '')
    .replace(/\.ts$/, '')
    .split('/');
  if (first !== 'workers') return first;
  const room = `workers/${second}`;
  return third !== undefined || FLOORS.flat().includes(room) ? room : first;
}

const floorOf = (file) => FLOORS.findIndex((rooms) => rooms.includes(roomOf(file)));

/** @returns {string[]} what a module imports and exports from, as it is written there */
function specifiersOf(path, code) {
  const found = [];
  const add = ({ source }) => source?.type === 'Literal' && found.push(source.value);
  const { program, errors } = parseSync(path, code);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  new Visitor({
    ImportDeclaration: add,
    ExportAllDeclaration: add,
    ExportNamedDeclaration: add,
    ImportExpression: add,
    TSImportType: add,
  }).visit(program);
  return found;
}

/**
 * @param {Record<string, string>} files code by path
 * @returns {Map<string, string[]>} imports by file: paths from the repository's root, or names of packages
 */
function importsOf(files) {
  const resolve = (file, specifier) =>
    specifier.startsWith('.')
      ? posix.join(posix.dirname(file), specifier.replace(/\?.*$/, '')).replace(/\.js$/, '.ts')
      : specifier;
  return new Map(
    Object.entries(files).map(([file, code]) => [
      file,
      specifiersOf(file, code).map((specifier) => resolve(file, specifier)),
    ]),
  );
}

/** The imports of every cycle that a depth-first walk closes. */
function cyclesOf(imports) {
  const cycles = [];
  const path = [];
  const done = new Set();
  const walk = (file) => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of imports.get(file) ?? []) walk(next);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) walk(file);
  return cycles;
}

/** @returns {string[]} a sentence for each violation */
function violationsOf(files) {
  const imports = importsOf(files);
  const found = cyclesOf(imports).map((cycle) => `cycle: ${cycle}`);
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const arrow = `${file} → ${target}`;
      for (const [rule, from, to] of FORBIDDEN)
        if (from.test(file) && to.test(target)) found.push(`${rule}: ${arrow}`);
      if (![file, target].every((path) => /^src\/(?!testing\/)/.test(path))) continue;
      if (roomOf(file) !== roomOf(target) && floorOf(file) >= floorOf(target))
        found.push(`upwards: ${arrow}`);
    }
    if (/^src\/(?!testing\/)/.test(file) && floorOf(file) < 0) found.push(`a room without a floor: ${file}`);
  }
  return found;
}

const inRepository = (folder) => readdirSync(`${ROOT}${folder}`, { recursive: true, withFileTypes: true });

/** The repository's own code, without tests: they may reach wherever they test. */
function repositoryFiles() {
  const files = {};
  for (const entry of ['src', 'demo'].flatMap(inRepository)) {
    if (!/(?<!\.test|\.d)\.ts$/.test(entry.name)) continue;
    const path = posix.join(entry.parentPath, entry.name);
    files[posix.relative(ROOT, path)] = readFileSync(path, 'utf8');
  }
  return files;
}

test('no import of src and demo breaks a rule', () => {
  const files = repositoryFiles();
  expect(Object.keys(files).length).toBeGreaterThan(50);
  expect(violationsOf(files)).toEqual([]);
});

test(`the root of src holds at most ${MOST_FILES_IN_ROOT} files`, () => {
  const root = readdirSync(`${ROOT}src`, { withFileTypes: true }).filter((entry) => entry.isFile());
  expect(root.length).toBeLessThanOrEqual(MOST_FILES_IN_ROOT);
});

test.each([
  ['src/rpc/job.ts', "import '../segments/window.js'", 'rpc knows nothing of the model'],
  ['src/rpc/job.ts', "import type { A } from '../workers/setup.js'", 'rpc knows nothing of the model'],
  ['src/segments/window.ts', "import { a } from '../model-folder/manifest.js'", 'segments are pure'],
  ['src/segments/window.ts', "import type { A } from 'onnxruntime-web'", 'segments are pure'],
  ['src/webgpu-kernels/argmax/dispatch.ts', "import '../../workers/runtime/tensors.js'", 'kernels know'],
  ['src/loading/load.ts', "import type * as Ort from 'onnxruntime-web'", 'only workers/runtime imports'],
  ['src/workers/decoder/decoder.ts', "await import('onnxruntime-web/jspi')", 'only workers/runtime imports'],
  ['src/context/compression.ts', "type A = import('../workers/decoder/decoder.js').A", 'the page knows'],
  ['src/gmsa.ts', "export * from './workers/gmsa.worker.js'", 'the page knows'],
  ['src/gmsa.ts', "import { a } from './testing/fixture.js'", 'only tests import'],
  ['demo/main.ts', "import type { Job } from '../src/rpc/job.js'", 'the demo uses'],
  ['src/workers/decoder/decoder.ts', "import '../compressor/compressor.js'", 'upwards'],
  ['src/workers/compressor/compressor.ts', "import '../decoder/api.js'", 'upwards'],
  ['src/workers/runtime/engine.ts', "export { a } from '../decoder/generate.js'", 'upwards'],
  ['src/model-folder/manifest.ts', "import '../context/compression.js'", 'upwards'],
  ['src/utils/fuse.ts', "import { GmsaError } from '../errors.js'", 'upwards'],
  ['src/errors.ts', "import type { Gmsa } from './gmsa.js'", 'upwards'],
  ['src/quotes/select.ts', "import type { A } from '../model-folder/model-config.js'", 'quotes are pure'],
  ['src/segments/plan.ts', "import { cutUnits } from '../quotes/units.js'", 'upwards'],
  ['src/answers/pick.ts', '', 'a room without a floor'],
])('%s may not say: %s', (file, code, rule) => {
  expect(violationsOf({ [file]: code })).toContainEqual(expect.stringMatching(`^${rule}`));
});

test('a cycle inside a room is found, through type imports too', () => {
  const files = {
    'src/context/a.ts': "import { b } from './b.js'",
    'src/context/b.ts': "export * from './c.js'",
    'src/context/c.ts': "import type { A } from './a.js'",
  };
  expect(violationsOf(files)).toEqual([
    'cycle: src/context/a.ts → src/context/b.ts → src/context/c.ts → src/context/a.ts',
  ]);
});

test('what the rules allow is no violation', () => {
  const files = {
    'src/context/compression.ts': "import type { CompressEvent } from '../workers/compressor/api.js'",
    'src/loading/load.ts': "import { startWorker } from '../workers/start-worker.js'",
    'src/workers/compressor/api.ts': "import type { SoftTokenData } from '../soft-tokens.js'",
    'src/workers/runtime/ort.ts': "import type * as Ort from 'onnxruntime-web'",
    'src/testing/fixture.ts': "import '../gmsa.js'",
    'demo/main.ts':
      "import { Gmsa } from '../src/index.js'; import { languageModel } from '../src/ai-sdk/index.js'",
  };
  expect(violationsOf(files)).toEqual([]);
});
