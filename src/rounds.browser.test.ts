// Load, compress, ask, dispose, again and again: nothing piles up. `npm run test:rounds` does it 200 times. The workers'
// code runs in the page, where all of it can be counted.
import { describe, expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { Gmsa } from './index.js';
import { FIXTURE_URL, longText } from './testing/fixture.js';
import { countLiveBuffers } from './testing/live-buffers.js';
import { pageWorkers } from './testing/page-workers.js';

const wanted = import.meta.env.VITE_ROUNDS as string | undefined;
/** A software GPU takes its time: so few rounds tell of GPU buffers and of memory outside the heap. */
const FEW = { wasm: 40, webgpu: 3 };
/** Largest growth of the heap after the first quarter of the rounds. It comes to rest after some ten of them. */
const growthIn = (rounds: number) => (rounds < 40 ? 1.25 : 1.05);

/** Bytes alive on the page's heap, and bytes outside it that the heap holds (array buffers, wasm). */
async function heap(): Promise<{ used: number; outside: number }> {
  const session = cdp();
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
  return { used: usedSize, outside: backingStorageSize };
}

async function round(device: 'wasm' | 'webgpu'): Promise<string> {
  const gmsa = await Gmsa.load(FIXTURE_URL, { device, workers: pageWorkers().workers });
  const context = await gmsa.compress(longText(4));
  const answer = await gmsa.ask(context, 'What does Anna have?', { maxNewTokens: 3 }).text();
  await gmsa.dispose();
  return answer;
}

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  const rounds = Number(wanted ?? FEW[device]);
  const warmUp = Math.ceil(rounds / 4);

  test(`${rounds} rounds leave no GPU buffer, and the memory as it was after the first ${warmUp}`, async () => {
    const live = countLiveBuffers();
    try {
      const answers = new Set<string>();
      let before = await heap();
      for (let i = 1; i <= rounds; i += 1) {
        answers.add(await round(device));
        expect(live.labels()).toEqual([]);
        live.devices.length = 0;
        if (i === warmUp) before = await heap();
      }
      expect(answers.size).toBe(1);
      const after = await heap();
      console.info(`${device}: ${JSON.stringify({ rounds, before, after })}`);
      expect(after.used).toBeLessThanOrEqual(before.used * growthIn(rounds));
      expect(after.outside).toBeLessThanOrEqual(before.outside * 1.05);
    } finally {
      live.stop();
    }
  }, 7_200_000);
});
