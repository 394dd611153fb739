// For browser tests: real workers whose GPUs can be made to fail, and which of them were started.
import { CHANNEL, type Command } from './observe-worker-channel.js';

export function observedWorkers() {
  const started: { name: 'compressor' | 'decoder'; worker: Worker }[] = [];
  const channel = new BroadcastChannel(CHANNEL);
  const note = (name: 'compressor' | 'decoder', worker: Worker) => {
    started.push({ name, worker });
    return worker;
  };
  return {
    names: () => started.map(({ name }) => name),
    latest: (name: 'compressor' | 'decoder') => started.findLast((one) => one.name === name)!.worker,
    /** In all workers that run. */
    tell: (command: Command) => channel.postMessage(command),
    stop: () => channel.close(),
    workers: {
      compressor: () =>
        note(
          'compressor',
          new Worker(new URL('./observed-compressor.worker.ts', import.meta.url), { type: 'module' }),
        ),
      decoder: () =>
        note(
          'decoder',
          new Worker(new URL('./observed-decoder.worker.ts', import.meta.url), { type: 'module' }),
        ),
    },
  };
}
