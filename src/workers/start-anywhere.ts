// Page side; takes the place of start.ts in the bundle for pages without a bundler, which may come from a CDN.
import { crossOriginWorker } from './cross-origin-worker.js';

const startFrom = (file: string): Worker => {
  const url = new URL(file, import.meta.url);
  return url.origin === location.origin ? new Worker(url, { type: 'module' }) : crossOriginWorker(url);
};

export const startCompressor = (): Worker => startFrom('./compressor.worker.js');

export const startDecoder = (): Worker => startFrom('./decoder.worker.js');
