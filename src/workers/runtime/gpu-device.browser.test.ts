// ONNX Runtime on WebGPU against ONNX Runtime on wasm, around the number of positions from which it takes its flash
// attention for prefill: with subgroups of 4 lanes that gives wrong logits (see gpu-device.ts).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fixtureSetup } from '../../testing/fixture.js';
import { DecoderGraph, disposeStep } from '../decoder/decoder-graph.js';
import { Engine } from './engine.js';

const checkpoint = async () => {};
const ids = (count: number) => Array.from({ length: count }, (_, i) => (i * 37 + 11) % 350);

async function open(device: 'webgpu' | 'wasm') {
  const engine = await Engine.create(device);
  const graph = await DecoderGraph.create(engine, await fixtureSetup(device), () => {});
  const close = async () => {
    await graph.release();
    engine.dispose();
  };
  return { engine, graph, close };
}

let gpu: Awaited<ReturnType<typeof open>>;
let cpu: Awaited<ReturnType<typeof open>>;
beforeAll(async () => {
  gpu = await open('webgpu');
  cpu = await open('wasm');
});
afterAll(async () => {
  await gpu.close();
  await cpu.close();
});

test('subgroups are used only where they are wide enough', async () => {
  const adapter = await navigator.gpu.requestAdapter();
  expect(gpu.engine.device!.features.has('subgroups')).toBe(adapter!.info.subgroupMinSize >= 8);
  expect(gpu.engine.device!.limits.maxBufferSize).toBe(adapter!.limits.maxBufferSize);
});

/** Logits after a prefill, and after two different continuations of it. */
async function logits(graph: DecoderGraph, positions: number): Promise<number[][]> {
  const first = await graph.appendTokens(graph.emptyCache(), ids(positions), checkpoint);
  const next = await graph.appendTokens(first.cache, [5], checkpoint);
  const other = await graph.appendTokens(first.cache, ids(40), checkpoint);
  const again = await graph.appendTokens(first.cache, [5], checkpoint);
  const values = [];
  for (const step of [first, next, other, again]) values.push(Array.from(await step.logits.values()));
  expect(values.pop()).toEqual(values[1]); // a continuation leaves its past as it was
  expect(next.cache.length).toBe(positions + 1);
  for (const step of [first, next, other, again]) disposeStep(step);
  return values;
}

describe('logits on WebGPU are those of wasm', () => {
  test.each([1, 2, 31, 32, 33, 64, 200])('for %i positions', async (positions) => {
    const [a, b] = [await logits(gpu.graph, positions), await logits(cpu.graph, positions)];
    a.forEach((values, i) => {
      values.forEach((value, j) => {
        expect(Math.abs(value - b[i]![j]!)).toBeLessThan(1e-3);
      });
    });
  });
});

test('a prefill in several runs gives the logits of one run', async () => {
  // 600 positions: two runs on wasm, one on WebGPU.
  const [a, b] = [await logits(gpu.graph, 600), await logits(cpu.graph, 600)];
  expect(Math.max(...a[0]!.map((value, j) => Math.abs(value - b[0]![j]!)))).toBeLessThan(2e-3);
});
