// For browser tests, inside a real worker: lets the page provoke what befalls GPUs. Import it before the worker's own code.
import { countLiveBuffers } from './live-buffers.js';
import { CHANNEL, type Command } from './observe-worker-channel.js';

const { devices } = countLiveBuffers();
new BroadcastChannel(CHANNEL).onmessage = ({ data }: MessageEvent<Command>) => {
  for (const device of devices) {
    if (data === 'lose the device') device.destroy();
    else {
      const error = new GPUOutOfMemoryError('too much');
      device.dispatchEvent(new GPUUncapturedErrorEvent('uncapturederror', { error }));
    }
  }
};
