// Loading the model, with progress in bytes, and the choice of its rates.
import { Gmsa } from '../src/index.js';
import { create, element } from './dom.js';
import { formatBytes } from './format.js';
import { choice, modelUrl } from './page-parameters.js';

let gmsa: Gmsa | undefined;

const modelLocation = () => new URL(modelUrl(), document.baseURI);
const wanted = {
  device: choice('device', ['auto', 'webgpu', 'wasm']),
  dtype: choice('dtype', ['auto', 'q4f16', 'q4', 'fp32']),
};

const status = element('model-status');
const bar = element<HTMLProgressElement>('load-progress');

function summary(loaded: Gmsa): string {
  const { model, device, dtype, adapter } = loaded;
  const gpu = [adapter?.vendor, adapter?.architecture].filter(Boolean).join(' ');
  const where = device === 'webgpu' ? `WebGPU${gpu ? ` on ${gpu}` : ''}` : 'WebAssembly';
  return `${model.name} · ${where} · ${dtype} · ${formatBytes(model.bytes)} · ${model.licence}`;
}

function showRates({ rates, defaultRate }: Gmsa['model']): void {
  const group = element('rates');
  for (const label of group.querySelectorAll('label')) label.remove();
  for (const rate of rates) {
    const label = create('label');
    const radio = create('input');
    radio.type = 'radio';
    radio.name = 'rate';
    radio.value = String(rate);
    radio.checked = rate === defaultRate;
    label.append(radio, ` ${rate}`);
    group.append(label);
  }
  group.hidden = false;
}

/** The rate that is ticked. */
export function chosenRate({ model }: Gmsa): number {
  const ticked = document.querySelector<HTMLInputElement>('input[name=rate]:checked');
  return ticked ? Number(ticked.value) : model.defaultRate;
}

/** Says what of the model this browser has already, and whether it will run here; a model that is not there says so when loaded. */
export async function showCache(): Promise<void> {
  const { model, problems } = await Gmsa.support(modelLocation(), wanted).catch(() => ({
    model: undefined,
    problems: [],
  }));
  const [problem] = problems;
  const kept = model?.cachedBytes ?? 0;
  element('clear-cache').hidden = kept === 0;
  const parts = [problem?.message];
  if (model && kept === model.downloadBytes) parts.unshift('In this browser: loads without a download.');
  else if (model) parts.unshift(`To download, once: ${formatBytes(model.downloadBytes - kept)}.`);
  element('cache-status').textContent = parts.filter(Boolean).join(' ');
}

element('clear-cache').addEventListener('click', async () => {
  await Gmsa.clearCache(modelLocation());
  await showCache();
});

/** The model, loaded first if need be. */
export async function ensureModel(signal: AbortSignal): Promise<Gmsa> {
  if (gmsa) return gmsa;
  const before = status.textContent;
  bar.hidden = false;
  bar.value = 0;
  try {
    gmsa = await Gmsa.load(modelLocation(), {
      ...wanted,
      signal,
      onProgress: (progress) => {
        if (progress.status === 'progress_total') {
          bar.value = progress.total > 0 ? progress.loaded / progress.total : 0;
          status.textContent = `Loading: ${formatBytes(progress.loaded)} of ${formatBytes(progress.total)}`;
        } else if (progress.status === 'session') {
          bar.removeAttribute('value'); // no more bytes to count
          status.textContent = `Preparing ${progress.name} …`;
        } else if (progress.status === 'warning') {
          console.warn(progress.message, progress.fix);
        }
      },
    });
  } catch (error) {
    status.textContent = before;
    throw error;
  } finally {
    bar.hidden = true;
    void showCache();
  }
  status.textContent = summary(gmsa);
  element('load').hidden = true;
  showRates(gmsa.model);
  return gmsa;
}
