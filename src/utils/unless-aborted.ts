import { deferred } from './deferred.js';

/** Settles as `value` does, or rejects with the signal's reason as soon as it is aborted. */
export async function unlessAborted<T>(value: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = deferred<never>();
  const onAbort = () => reject(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([value, aborted]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
