import { GmsaError } from './errors.js';
import { isObject } from './model-folder/checks.js';

/** What every call's options have in common. @throws GmsaError `BAD_INPUT` */
export function checkOptions(options: unknown): void {
  const { signal, onProgress } = Object(options) as { signal?: AbortSignal; onProgress?: unknown };
  const wrong = !isObject(options)
    ? 'The options are no object.'
    : signal && typeof signal.throwIfAborted !== 'function'
      ? 'The option signal is no AbortSignal.'
      : onProgress && typeof onProgress !== 'function'
        ? 'The option onProgress is no function.'
        : undefined;
  if (wrong === undefined) return;
  throw new GmsaError(
    'BAD_INPUT',
    wrong,
    'Give an object; its signal is that of an AbortController, not the controller itself.',
  );
}
