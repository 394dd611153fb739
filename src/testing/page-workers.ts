// For browser tests: the two workers in the page itself. Real workers have globals of their own, out of a test's reach.
import { compressorApi } from '../workers/compressor-api.js';
import { decoderApi } from '../workers/decoder-api.js';
import { OrtQueue } from '../workers/ort-queue.js';
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

/** Workers in the order of their starts, and functions for the option `workers`. */
export function pageWorkers() {
  const started: { name: 'compressor' | 'decoder'; worker: FakeWorker }[] = [];
  const starter = (name: 'compressor' | 'decoder', make: typeof compressorApi | typeof decoderApi) => () => {
    const api = make();
    // The end of a real worker takes its device along.
    const worker = new FakeWorker(api, () => void api.dispose());
    started.push({ name, worker });
    return worker.asWorker;
  };
  return {
    names: () => started.map(({ name }) => name),
    latest: (name: 'compressor' | 'decoder') => started.findLast((one) => one.name === name)!.worker,
    workers: { compressor: starter('compressor', compressorApi), decoder: starter('decoder', decoderApi) },
  };
}
