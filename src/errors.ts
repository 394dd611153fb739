/** What went wrong, for programs; `message` and `fix` are for people. */
export type GmsaErrorCode =
  | 'BAD_INPUT'
  | 'TOO_LONG'
  | 'BAD_RATE'
  | 'OTHER_MODEL'
  | 'STORAGE_FULL'
  | 'MODEL_NOT_FOUND'
  | 'BAD_MODEL'
  | 'CORRUPT_FILE'
  | 'NETWORK'
  | 'UNSUPPORTED'
  | 'DEVICE_LOST'
  | 'OUT_OF_MEMORY'
  | 'WORKER_CRASHED'
  | 'DISPOSED'
  | 'INTERNAL';

/** Every error of this library but an abort, which rejects with the signal's own reason, as `fetch` does. */
export class GmsaError extends Error {
  override readonly name = 'GmsaError';
  /** Match on this. */
  readonly code: GmsaErrorCode;
  /** What the caller or the reader can do about it. */
  readonly fix: string;

  /** @param message what happened, to which input */
  constructor(code: GmsaErrorCode, message: string, fix: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.fix = fix;
  }
}

const OUT_OF_MEMORY =
  /out of memory|bad_alloc|allocation fail|failed to allocate|array buffer allocation|memory\.grow/i;

export const FREE_MEMORY =
  'Close other tabs, use a shorter text or a higher rate, and call again. The worker restarts.';

/**
 * Gives an error from ONNX Runtime or the browser a code. A `GmsaError` and an abort pass unchanged.
 * @param doing what was under way, as in "while encoding a segment"
 */
export function toGmsaError(error: unknown, doing: string): unknown {
  if (error instanceof GmsaError || (error instanceof DOMException && error.name === 'AbortError'))
    return error;
  const text = error instanceof Error ? error.message : String(error);
  if (OUT_OF_MEMORY.test(text)) {
    return new GmsaError('OUT_OF_MEMORY', `Memory ran out while ${doing}: ${text}`, FREE_MEMORY, {
      cause: error,
    });
  }
  if (error instanceof WebAssembly.RuntimeError) {
    return new GmsaError(
      'WORKER_CRASHED',
      `ONNX Runtime crashed while ${doing}: ${text}`,
      'Call again: the worker restarts from the files that are already downloaded.',
      { cause: error },
    );
  }
  return new GmsaError(
    'INTERNAL',
    `An internal error occurred while ${doing}: ${text}`,
    'Load the model again. If the error recurs, report it with this message.',
    {
      cause: error,
    },
  );
}

/** For results that are NaN or infinite, which would otherwise show as empty or senseless text. */
export function notFinite(what: string): GmsaError {
  return new GmsaError(
    'INTERNAL',
    `${what}: the arithmetic overflows on this device.`,
    "Load the model with dtype: 'q4' or device: 'wasm', and report your GPU and browser.",
  );
}
