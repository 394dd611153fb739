// For browser tests: the two workers in the page itself. Real workers have globals of their own, out of a test's reach.
import type { WorkerName } from '../rpc/worker-api.js';
import { compressorApi } from '../workers/compressor/serve.js';
import { decoderApi } from '../workers/decoder/serve.js';
import { OrtQueue } from '../workers/runtime/ort-queue.js';
import { FakeWorker } from './fake-worker.js';

// Here both share one ONNX Runtime, so their queues must be one.
const { run } = OrtQueue.prototype;
let tail: Promise<unknown> = Promise.resolve();
OrtQueue.prototype.run = function <T>(task: () => Promise<T>): Promise<T> {
  return run.call(this, () => {
    const result = tail.then(task);
    tail = result.catch(() => {});
    return result;
  }) as Promise<T>;
};

/** Workers in the order of their starts, and a function for the option `worker`. */
export function pageWorkers() {
  const started: { name: WorkerName; worker: FakeWorker }[] = [];
  return {
    names: () => started.map(({ name }) => name),
    latest: (name: WorkerName) => started.findLast((one) => one.name === name)!.worker,
    worker: (name: WorkerName) => {
      const apis = { compressor: compressorApi(), decoder: decoderApi() };
      // The end of a real worker takes its device along.
      const worker = new FakeWorker(apis, () => void apis[name].dispose());
      started.push({ name, worker });
      return worker.asWorker;
    },
  };
}
