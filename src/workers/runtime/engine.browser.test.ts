// What remains of an engine. What it does while it lives: lifecycle.browser.test.ts.
import { expect, test } from 'vitest';
import { cdp } from 'vitest/browser';
import { Engine } from './engine.js';

test('once disposed it is garbage, though ONNX Runtime keeps its device', async () => {
  const devices: GPUDevice[] = [];
  const start = async () => {
    const engine = await Engine.create('webgpu');
    devices.push(engine.device!);
    engine.failure.catch(() => {});
    engine.dispose();
    return new WeakRef(engine);
  };
  const engine = await start();
  await devices[0]!.lost;
  await expect
    .poll(async () => {
      await cdp().send('HeapProfiler.collectGarbage');
      return engine.deref();
    })
    .toBeUndefined();
});
