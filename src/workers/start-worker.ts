// Page side. The literal form that bundlers recognise, with .js even in TypeScript source; there once, since webpack
// builds a worker for each time it is written.

export function startWorker(): Worker {
  return new Worker(new URL('./gmsa.worker.js', import.meta.url), { type: 'module' });
}
