// When to try a request again, and how long to wait before.
import { GmsaError } from '../errors.js';

export interface RetryPolicy {
  /** In a row without a byte won; 1: no second try. */
  attempts: number;
  /** Wait before the second attempt; each further one waits twice as long. */
  baseMs: number;
  maxMs: number;
  /** A connection that gives nothing for so long is given up. */
  stallMs: number;
}

export const PATIENT: RetryPolicy = { attempts: 5, baseMs: 500, maxMs: 8000, stallMs: 30_000 };
/** For what there is a substitute of. */
export const HASTY: RetryPolicy = { attempts: 1, baseMs: 0, maxMs: 0, stallMs: 5000 };

/** Longest wait that a server's Retry-After is granted. */
const MAX_RETRY_AFTER_MS = 60_000;

/** `NETWORK`, and whether another attempt may help. */
export class NetworkError extends GmsaError {
  readonly retryable: boolean;
  /** What the server asked for. */
  readonly retryAfterMs: number | undefined;

  constructor(
    url: URL,
    reason: unknown,
    { retryable = true, retryAfterMs }: { retryable?: boolean; retryAfterMs?: number | undefined } = {},
  ) {
    super(
      'NETWORK',
      `${url} could not be fetched: ${reason instanceof Error ? reason.message : String(reason)}.`,
      'Check the connection, and that the server allows this page to read the file (CORS).',
      { cause: reason },
    );
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Runs `attempt` until it succeeds, fails for good, or has failed too often.
 * @param received bytes won so far: attempts are counted anew whenever there are more than ever before
 */
export async function retrying<T>(
  { attempts, baseMs, maxMs }: RetryPolicy,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  received: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  let most = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof NetworkError && error.retryable)) throw error;
      failures = received() > most ? 1 : failures + 1;
      most = Math.max(most, received());
      if (failures >= attempts) throw error;
      const backOff = Math.min(maxMs, baseMs * 2 ** (failures - 1));
      // Spread, so that files which failed together do not come back together.
      await wait(error.retryAfterMs ?? backOff * (0.5 + Math.random() / 2), signal);
    }
  }
}

/** @param header Retry-After: seconds, or a date */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? 1000 * Number(header) : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms));
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
    if (signal?.aborted) end();
  });
}
