// One request: its status as an error, its body chunk by chunk, and an end to connections that give nothing more.
import { GmsaError } from '../errors.js';
import { NetworkError, type RetryPolicy, retryAfterMs, retrying } from './retry.js';

interface RequestOptions {
  headers?: Record<string, string>;
  /** Of the browser: 'reload' passes it, 'no-cache' asks the server whether it is current. */
  cache?: RequestCache;
  stallMs: number;
  signal?: AbortSignal | undefined;
  /** Statuses that the caller understands, beside 2xx. */
  accept?: readonly number[];
}

/**
 * Fetches `url` once.
 * @param onResponse called before the body is read; what it throws ends the request
 * @param onChunk called with each chunk of the body; what it throws ends the request
 * @throws GmsaError `MODEL_NOT_FOUND` (404, 410), `NETWORK` (other statuses, no connection); the signal's reason
 */
export async function requestFile(
  url: URL,
  { headers = {}, cache = 'default', stallMs, signal, accept = [] }: RequestOptions,
  onResponse: (response: Response) => void,
  onChunk: (chunk: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  const stop = new AbortController();
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      stop.abort();
    }, stallMs);
  };
  const failed = (error: unknown): never => {
    signal?.throwIfAborted();
    throw new NetworkError(url, stalled ? `nothing came for ${stallMs / 1000} s` : error);
  };
  try {
    alive();
    const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const response = await fetch(url, { headers, cache, signal: both }).catch(failed);
    if (!response.ok && !accept.includes(response.status)) throw statusError(url, response);
    onResponse(response);
    const reader = response.body?.getReader();
    while (reader) {
      alive();
      const { done, value } = await reader.read().catch(failed);
      if (done) break;
      onChunk(value);
    }
  } finally {
    clearTimeout(timer);
    stop.abort(); // lets go of a body that was not read to its end
  }
}

/** The file's text as the server has it now, tried again as `policy` says. @throws as `requestFile` does */
export function fetchText(url: URL, policy: RetryPolicy, signal?: AbortSignal): Promise<string> {
  return retrying(policy, signal, async () => {
    const decoder = new TextDecoder();
    let text = '';
    await requestFile(
      url,
      { cache: 'no-cache', stallMs: policy.stallMs, signal },
      () => {},
      (chunk) => {
        text += decoder.decode(chunk, { stream: true });
      },
    );
    return text + decoder.decode();
  });
}

function statusError(url: URL, { status, statusText, headers }: Response): GmsaError {
  if (status === 404 || status === 410) {
    return new GmsaError(
      'MODEL_NOT_FOUND',
      `${url} was not found (HTTP ${status}).`,
      'Check the URL. It must be that of the folder with manifest.json, config.json, and onnx/.',
    );
  }
  return new NetworkError(url, `HTTP ${status} ${statusText}`.trim(), {
    retryable: status >= 500 || [408, 425, 429].includes(status),
    retryAfterMs: retryAfterMs(headers.get('Retry-After')),
  });
}
