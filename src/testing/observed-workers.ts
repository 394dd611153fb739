// For browser tests: real workers whose GPUs can be made to fail, and which of them were started.
import type { WorkerName } from '../rpc/worker-api.js';
import { CHANNEL, type Command } from './observe-worker-channel.js';

export function observedWorkers() {
  const started: WorkerName[] = [];
  const channel = new BroadcastChannel(CHANNEL);
  return {
    names: () => started,
    /** In all workers that run. */
    tell: (command: Command) => channel.postMessage(command),
    stop: () => channel.close(),
    worker: (name: WorkerName) => {
      started.push(name);
      return new Worker(new URL('./observed.worker.ts', import.meta.url), { type: 'module' });
    },
  };
}
