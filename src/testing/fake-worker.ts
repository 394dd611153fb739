// For tests: a Worker whose other side runs right here, so that a test reaches what it holds and can let it fail.
import { expose } from 'comlink';

export class FakeWorker extends EventTarget {
  readonly #port: MessagePort;
  readonly #other: MessagePort;
  readonly #onTerminate: () => void;
  terminated = false;

  /** @param onTerminate frees what a real worker would take along */
  constructor(api: object, onTerminate: () => void = () => {}) {
    super();
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#other = port2;
    this.#onTerminate = onTerminate;
    expose(api, port2 as never);
    port1.onmessage = ({ data }: MessageEvent) =>
      this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }

  /** To be given as the option `workers`. */
  get asWorker(): Worker {
    return this as unknown as Worker;
  }

  postMessage(message: unknown, transferables: Transferable[] = []): void {
    this.#port.postMessage(message, transferables);
  }

  terminate(): void {
    if (this.terminated) return;
    this.terminated = true;
    this.#port.close();
    this.#other.close();
    this.#onTerminate();
  }

  /** As a worker does whose script throws. */
  crash(message: string): void {
    this.dispatchEvent(Object.assign(new Event('error', { cancelable: true }), { message }));
  }
}
