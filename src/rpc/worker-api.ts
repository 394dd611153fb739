// What the page asks of any worker. Calls go through comlink; what a long call reports on the way goes over a MessagePort
// of its own (job.ts), which keeps the order and carries the abort back.

/** Which of the interfaces that the worker script exposes is meant. */
export type WorkerName = 'compressor' | 'decoder';

/** The graph whose session is being created. */
export interface SessionEvent {
  name: string;
}

export interface WorkerApi<Setup> {
  /** Answers once the worker holds the Web Lock of that name, which the browser gives back when the worker ends. */
  handshake(lock: string): Promise<void>;
  load(setup: Setup, port: MessagePort): Promise<void>;
  /** Once loaded: rejects when nothing can be run any more, as when the GPU device is lost. */
  failure(): Promise<void>;
  dispose(): Promise<void>;
}
