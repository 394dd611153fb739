// Worker only. What the page is told of a text while it is generated.
import type { GenerationStats } from './api.js';

/** Takes tokens as they are generated. */
export interface Output {
  /** Tokens that the page was told of. */
  readonly ids: readonly number[];
  /** @returns whether to stop after it */
  put(id: number): Promise<boolean>;
  /**
   * Nothing follows.
   * @returns what ended the text; undefined if it was kept back
   */
  end(stoppedBy: StoppedBy): Promise<StoppedBy | undefined>;
}

type StoppedBy = GenerationStats['stoppedBy'];

/** Text that comes token by token. */
export interface TextSink {
  put(id: number): void;
  end(): void;
}

/**
 * Tells of each token at once.
 * @param ask tells that a token has come, and gives whether to stop after it
 */
export function directOutput(stream: TextSink, ask: (id: number) => boolean | Promise<boolean>): Output {
  const ids: number[] = [];
  return {
    ids,
    put: async (id) => {
      ids.push(id);
      stream.put(id);
      return ask(id);
    },
    end: async (stoppedBy) => {
      stream.end();
      return stoppedBy;
    },
  };
}

/**
 * Keeps tokens back while they may become the refusal, and says nothing if they do, or if there are none: another reading
 * follows. What has been shown is never taken back.
 * @param open makes the output of a text that is no refusal
 * @param decode makes a sink that writes the text of its tokens
 */
export function unlessRefusal(
  refusal: string,
  open: () => Output,
  decode: (write: (chunk: string) => void) => TextSink,
): Output {
  let output: Output | undefined;
  const waiting: number[] = [];
  let text = '';
  const sink = decode((chunk) => {
    text += chunk;
  });
  const mayBecomeRefusal = () => refusal.startsWith(text.trim());
  const release = async (): Promise<boolean> => {
    output = open();
    for (const id of waiting) if (await output.put(id)) return true;
    return false;
  };
  return {
    get ids() {
      return output?.ids ?? [];
    },
    put: async (id) => {
      if (output) return output.put(id);
      waiting.push(id);
      sink.put(id);
      return mayBecomeRefusal() ? false : release();
    },
    end: async (stoppedBy) => {
      if (output) return output.end(stoppedBy);
      sink.end();
      const said = text.trim();
      // A text that was cut short is taken for the refusal that it begins.
      if (said === '' || said === refusal || (stoppedBy === 'length' && mayBecomeRefusal())) return undefined;
      const isStopped = await release();
      return output!.end(isStopped ? 'criteria' : stoppedBy);
    },
  };
}
