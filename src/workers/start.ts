// Page side. The literal form that bundlers recognise, with .js even in TypeScript source.

export function startCompressor(): Worker {
  return new Worker(new URL('./compressor.worker.js', import.meta.url), { type: 'module' });
}

export function startDecoder(): Worker {
  return new Worker(new URL('./decoder.worker.js', import.meta.url), { type: 'module' });
}
