// Page side; takes the place of start-worker.ts in the bundle for pages without a bundler, which may come from a CDN.
import { crossOriginWorker } from './cross-origin-worker.js';

export function startWorker(): Worker {
  const url = new URL('./gmsa.worker.js', import.meta.url);
  return url.origin === location.origin ? new Worker(url, { type: 'module' }) : crossOriginWorker(url);
}
