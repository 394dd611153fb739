import { GmsaError } from '../errors.js';
import { badModel } from './checks.js';

/**
 * Fetches one file.
 * @throws GmsaError `MODEL_NOT_FOUND` (404, 410), `NETWORK` (other statuses, no connection); the signal's reason
 */
export async function fetchFile(url: URL, signal?: AbortSignal): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, signal ? { signal } : {});
  } catch (error) {
    signal?.throwIfAborted();
    throw networkError(url, error);
  }
  if (response.status === 404 || response.status === 410) {
    throw new GmsaError(
      'MODEL_NOT_FOUND',
      `There is no file at ${url} (HTTP ${response.status}).`,
      'Check the URL of the model folder: it is the folder that holds manifest.json, config.json and onnx/.',
    );
  }
  if (!response.ok) throw networkError(url, `HTTP ${response.status} ${response.statusText}`.trim());
  return response;
}

/** @throws GmsaError `BAD_MODEL` if the file is not JSON; those of `fetchFile` */
export async function fetchJson(url: URL, signal?: AbortSignal): Promise<unknown> {
  const response = await fetchFile(url, signal);
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw networkError(url, error);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    const what = /^\s*</.test(text) ? 'an HTML page came back instead of JSON' : 'it is not JSON';
    throw badModel(url.href, what, error);
  }
}

/**
 * Downloads one file of known size.
 * @param onBytes called with the bytes of each chunk
 * @throws GmsaError `BAD_MODEL` if the size differs; those of `fetchFile`
 */
export async function fetchBlob(
  url: URL,
  expectedBytes: number,
  onBytes: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<Blob> {
  const response = await fetchFile(url, signal);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  try {
    const reader = response.body!.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      received += value.byteLength;
      onBytes(value.byteLength);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw networkError(url, error);
  }
  if (received !== expectedBytes) {
    throw badModel(url.href, `it has ${received} bytes, the manifest says ${expectedBytes}`);
  }
  return new Blob(chunks);
}

function networkError(url: URL, error: unknown): GmsaError {
  const reason = error instanceof Error ? error.message : String(error);
  return new GmsaError(
    'NETWORK',
    `${url} could not be fetched: ${reason}.`,
    'Check the connection, and that the server allows this page to read the file (CORS).',
    { cause: error },
  );
}
