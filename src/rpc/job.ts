// One long call to a worker: events come back in order over a port of its own, and an abort goes the other way. (A
// comlink callback would come over yet another port, so the call could end before its last events arrive.)
import { transfer } from 'comlink';
import { type Deferred, deferred } from '../utils/deferred.js';

const END = 'end';
const ABORT = 'abort';
type Message<E> = { event: E; wantsReply?: true } | typeof END;
/** What comes back for an event that wants a reply. */
interface Reply {
  reply: unknown;
}

/**
 * Page side. Starts a call and waits for its result and all its events; on abort tells the worker and rejects at once
 * with the signal's reason.
 * @param start makes the call; the port is already wrapped for transfer
 * @param onEvent gives the reply, or a promise of it, to an event that wants one; if it throws or the promise rejects, the
 *   work stops and the call rejects with that
 */
export async function runJob<E, R>(
  start: (port: MessagePort) => Promise<R>,
  onEvent: (event: E) => unknown,
  signal?: AbortSignal,
): Promise<R> {
  signal?.throwIfAborted();
  const { port1: port, port2 } = new MessageChannel();
  const { promise: ended, resolve: end } = deferred<void>();
  const { promise: aborted, reject } = deferred<never>();
  let isStopped = false;
  const stop = (reason: unknown) => {
    isStopped = true;
    reject(reason);
  };
  const answer = (reply: unknown) => {
    if (!isStopped) port.postMessage({ reply } satisfies Reply);
  };
  const onAbort = () => stop(signal!.reason);
  port.onmessage = ({ data }: MessageEvent<Message<E>>) => {
    if (data === END) return end();
    if (isStopped) return;
    try {
      const reply = onEvent(data.event);
      if (data.wantsReply) Promise.resolve(reply).then(answer, stop);
    } catch (error) {
      stop(error);
    }
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
  /** Emits an event and waits for the page's reply. One at a time. Rejects on an abort. */
  request<A>(event: E): Promise<A>;
  /** Lets waiting messages in, an abort among them, then throws if there was one. */
  checkpoint(): Promise<void>;
}

/** Worker side. Runs `work` as the other end of `runJob`. */
export async function serveJob<E, R>(port: MessagePort, work: (job: Job<E>) => Promise<R>): Promise<R> {
  const controller = new AbortController();
  const { signal } = controller;
  let asked: Deferred<unknown> | undefined;
  port.onmessage = ({ data }: MessageEvent<typeof ABORT | Reply>) => {
    if (data === ABORT) {
      controller.abort();
      asked?.reject(signal.reason);
    } else asked?.resolve(data.reply);
  };
  try {
    return await work({
      signal,
      emit: (event, transferables = []) => port.postMessage({ event }, transferables),
      request: async <A>(event: E) => {
        signal.throwIfAborted();
        asked = deferred<unknown>();
        port.postMessage({ event, wantsReply: true } satisfies Message<E>);
        return (await asked.promise) as A;
      },
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
