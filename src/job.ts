// One long call to a worker: events come back in order over a port of its own, and an abort goes the other way. (A
// comlink callback would come over yet another port, so the call could end before its last events arrive.)
import { transfer } from 'comlink';
import { deferred } from './deferred.js';

const END = 'end';
const ABORT = 'abort';
type Message<E> = { event: E } | typeof END;

/**
 * Page side. Starts a call and waits for its result and all its events; on abort tells the worker and rejects at once
 * with the signal's reason.
 * @param start makes the call; the port is already wrapped for transfer
 */
export async function runJob<E, R>(
  start: (port: MessagePort) => Promise<R>,
  onEvent: (event: E) => void,
  signal?: AbortSignal,
): Promise<R> {
  signal?.throwIfAborted();
  const { port1: port, port2 } = new MessageChannel();
  const { promise: ended, resolve: end } = deferred<void>();
  const { promise: aborted, reject } = deferred<never>();
  const onAbort = () => reject(signal!.reason);
  port.onmessage = ({ data }: MessageEvent<Message<E>>) => {
    if (data === END) end();
    else if (!signal?.aborted) onEvent(data.event);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const result = await Promise.race([start(transfer(port2, [port2])), aborted]);
    await Promise.race([ended, aborted]);
    return result;
  } catch (error) {
    port.postMessage(ABORT); // nobody waits for the work any more
    throw error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    port.close();
  }
}

/** Worker side of one call. */
export interface Job<E> {
  signal: AbortSignal;
  /** @param transferables moved, not copied */
  emit(event: E, transferables?: Transferable[]): void;
  /** Lets waiting messages in, an abort among them, then throws if there was one. */
  checkpoint(): Promise<void>;
}

/** Worker side. Runs `work` as the other end of `runJob`. */
export async function serveJob<E, R>(port: MessagePort, work: (job: Job<E>) => Promise<R>): Promise<R> {
  const controller = new AbortController();
  port.onmessage = ({ data }: MessageEvent) => {
    if (data === ABORT) controller.abort();
  };
  const { signal } = controller;
  try {
    return await work({
      signal,
      emit: (event, transferables = []) => port.postMessage({ event }, transferables),
      checkpoint: async () => {
        await nextTask();
        signal.throwIfAborted();
      },
    });
  } finally {
    port.postMessage(END);
  }
}

const sleeping: (() => void)[] = [];
/** Made when first needed: in Node, where servers import the library, it would keep the process from ending. */
let wake: MessagePort | undefined;

function startWaking(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => sleeping.shift()?.();
  return port1;
}

/** A turn of the event loop; setTimeout would wait 4 ms when nested. On wasm nothing else lets messages in. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    sleeping.push(resolve);
    wake ??= startWaking();
    wake.postMessage(null);
  });
}
