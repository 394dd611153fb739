// Load, compress, ask, dispose, again and again: nothing piles up. `npm run test:rounds` does it 200 times.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { examples, rate } from '../../../models/fixture/examples.json';
import { Gmsa, type LoadOptions } from '../../index.js';
import { FIXTURE_URL } from '../fixture.js';
import { countLiveBuffers, type LiveBuffers } from '../live-buffers.js';
import { pageWorkers } from '../page-workers.js';

const wanted = import.meta.env.VITE_ROUNDS as string | undefined;
/** A software GPU takes its time, and so does starting workers. */
const FEW = { wasm: 40, webgpu: 20 };
const FEW_IN_WORKERS = 8;
/** Of the heap and of what it holds outside, after the first quarter of the rounds. */
const GROWTH = 1.05;
const LIMIT_MS = 7_200_000;
/** A busy browser gives the locks of a worker back some time after it has ended. */
const LOCK_WAIT_MS = 20_000;

const { text, question, answer } = examples[0]!;

/** Bytes alive on the page's heap, and bytes outside it that the heap holds (array buffers, wasm). */
async function heap(): Promise<{ used: number; outside: number }> {
  const session = cdp();
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize } = await session.send('Runtime.getHeapUsage');
  return { used: usedSize, outside: backingStorageSize };
}

/** Each worker holds one for life; the page, which waits for it, has it for a moment after that. */
async function locks(): Promise<string[]> {
  const { held, pending } = await navigator.locks.query();
  return [...held!, ...pending!].map(({ name }) => name!).filter((name) => name.startsWith('gmsa-web '));
}

async function round(options: LoadOptions): Promise<void> {
  const gmsa = await Gmsa.load(FIXTURE_URL, options);
  const context = await gmsa.compress(text, { rate });
  expect(await gmsa.ask(context, question).text()).toBe(answer);
  await gmsa.dispose();
}

/** @param inspect after each round */
async function playRounds(what: string, rounds: number, options: () => LoadOptions, inspect: () => unknown) {
  const warmUp = Math.ceil(rounds / 4);
  let before = await heap();
  for (let i = 1; i <= rounds; i += 1) {
    await round(options());
    await inspect();
    if (i === warmUp) before = await heap();
    if (i % warmUp === 0) console.info(`${what}, ${i} rounds: ${JSON.stringify(await heap())}`);
  }
  const after = await heap();
  expect(after.used).toBeLessThanOrEqual(before.used * GROWTH);
  expect(after.outside).toBeLessThanOrEqual(before.outside * GROWTH);
}

describe.each(['wasm', 'webgpu'] as const)('on %s', (device) => {
  describe('with the workers’ code in the page, where all of it can be counted', () => {
    let live: LiveBuffers;
    beforeEach(() => {
      live = countLiveBuffers();
    });
    afterEach(() => live.stop());

    const rounds = Number(wanted ?? FEW[device]);
    test(
      `${rounds} rounds leave no GPU buffer, and the heap as it was after the first quarter`,
      () =>
        playRounds(
          `${device} in the page`,
          rounds,
          () => ({ device, worker: pageWorkers().worker }),
          () => {
            expect(live.labels()).toEqual([]);
            live.devices.length = 0;
          },
        ),
      LIMIT_MS,
    );
  });

  describe('with workers of their own', () => {
    const rounds = Number(wanted ?? FEW_IN_WORKERS);
    test(
      `${rounds} rounds leave no worker, and the page's heap as it was after the first quarter`,
      () =>
        playRounds(
          `${device} in workers`,
          rounds,
          () => ({ device }),
          () => expect.poll(locks, { timeout: LOCK_WAIT_MS }).toEqual([]),
        ),
      LIMIT_MS,
    );
  });
});
