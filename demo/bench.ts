// The benchmark page: by hand with its form, or from scripts/bench.mjs through window.gmsaBench.
import { Gmsa } from '../src/index.js';
import { chartMarkup, tableMarkup } from './bench-report.js';
import { type BenchResult, runBench } from './bench-run.js';
import { errorInWords, isAbort } from './errors-in-words.js';
import { formatBytes } from './format.js';
import { modelUrl, parameter } from './page-parameters.js';

type Device = 'auto' | 'webgpu' | 'wasm';

interface PageOptions {
  model: string;
  device: Device;
  dtype: 'auto' | 'q4f16' | 'q4' | 'fp32';
  tokens: number[];
  rates: number[];
  repetitions: number;
  newTokens: number;
  signal?: AbortSignal;
}

const element = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const status = element('status');

async function measure({ model, device, dtype, ...options }: PageOptions): Promise<BenchResult> {
  const { signal } = options;
  const gmsa = await Gmsa.load(new URL(model, document.baseURI), {
    device,
    dtype,
    ...(signal ? { signal } : {}),
    onProgress: (progress) => {
      if (progress.status === 'progress_total') {
        status.textContent = `Loading ${formatBytes(progress.loaded)} of ${formatBytes(progress.total)}`;
      }
    },
  });
  try {
    const result = await runBench(gmsa, {
      ...options,
      onProgress: (text) => {
        status.textContent = text;
        console.log(text);
      },
    });
    show(result);
    status.textContent = 'Done.';
    return result;
  } finally {
    await gmsa.dispose();
  }
}

function save(result: BenchResult): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: 'application/json' }));
  link.download = 'gmsa-bench.json';
  link.click();
  URL.revokeObjectURL(link.href);
}

function show(result: BenchResult): void {
  const { adapter } = result;
  const gpu = adapter
    ? [adapter.vendor, adapter.architecture, adapter.description].filter(Boolean).join(' ')
    : '';
  element('environment').textContent =
    `${result.model}, ${result.device} ${result.dtype}${gpu ? ` on ${gpu}` : ''}, ${result.date.slice(0, 10)}`;
  element('charts').innerHTML = result.lengths.map(chartMarkup).join('');
  element('table').innerHTML = tableMarkup(result);
  element('save').onclick = () => save(result);
  element('result').hidden = false;
}

function integers(id: string, name: string): number[] {
  const parts = element<HTMLInputElement>(id).value.split(',').map(Number);
  if (!parts.every((part) => Number.isInteger(part) && part > 0))
    throw new Error(`${name}: give whole numbers, as in 4,8`);
  return parts;
}

async function start(): Promise<void> {
  const controller = new AbortController();
  const cancel = element<HTMLButtonElement>('cancel');
  const startButton = element<HTMLButtonElement>('start');
  const error = element('error');
  cancel.onclick = () => controller.abort();
  cancel.hidden = false;
  startButton.disabled = true;
  error.hidden = true;
  try {
    await measure({
      model: modelUrl(),
      device: element<HTMLSelectElement>('device').value as Device,
      dtype: (parameter('dtype') ?? 'auto') as PageOptions['dtype'],
      tokens: integers('tokens', 'Text tokens'),
      rates: integers('rates', 'Rates'),
      repetitions: integers('repetitions', 'Repetitions')[0]!,
      newTokens: 16,
      signal: controller.signal,
    });
  } catch (reason) {
    status.textContent = isAbort(reason) ? 'Cancelled.' : '';
    if (!isAbort(reason)) {
      error.replaceChildren(...errorInWords(reason));
      error.hidden = false;
    }
  } finally {
    cancel.hidden = true;
    startButton.disabled = false;
  }
}

const device = parameter('device');
if (device) element<HTMLSelectElement>('device').value = device;
element<HTMLFormElement>('options').addEventListener('submit', (event) => {
  event.preventDefault();
  void start();
});

declare global {
  interface Window {
    gmsaBench: { run: (options: PageOptions) => Promise<BenchResult> };
  }
}
window.gmsaBench = { run: measure };
