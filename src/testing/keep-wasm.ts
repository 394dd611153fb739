// Setup of the browser tests: keeps ONNX Runtime's compiled wasm alive from the first file to the last. V8 shares code
// within a process between modules of the same bytes; without this every load compiles 17 MB anew.
import asyncifyUrl from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiUrl from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';

/** The page around the test files' frames: it stays. */
const page = window.parent as typeof window & { keptWasm?: Promise<WebAssembly.Module> };
const url = new URL('Suspending' in WebAssembly ? jspiUrl : asyncifyUrl, location.href);
page.keptWasm ??= page.WebAssembly.compileStreaming(page.fetch(url));
await page.keptWasm;
