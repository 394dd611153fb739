// Checks of what callers hand in, alike in every method.
import { GmsaError } from './errors.js';
import { isBlank } from './segments/normalise.js';
import { isObject } from './utils/is-object.js';

/** What every call's options have in common. @throws GmsaError `BAD_INPUT` */
export function checkOptions(options: unknown): void {
  const { signal, onProgress } = Object(options) as { signal?: AbortSignal; onProgress?: unknown };
  const wrong = !isObject(options)
    ? 'The options are not an object.'
    : signal && typeof signal.throwIfAborted !== 'function'
      ? 'The signal option is not an AbortSignal.'
      : onProgress && typeof onProgress !== 'function'
        ? 'The onProgress option is not a function.'
        : undefined;
  if (wrong === undefined) return;
  throw new GmsaError(
    'BAD_INPUT',
    wrong,
    'Pass an object. As signal, pass the signal of an AbortController, not the controller.',
  );
}

/** @throws GmsaError `BAD_INPUT` unless the value is a string with more than white space */
export function checkText(value: unknown, what: 'text' | 'question'): void {
  if (typeof value !== 'string') {
    throw new GmsaError('BAD_INPUT', `The ${what} is a ${typeof value}, not a string.`, 'Pass a string.');
  }
  if (isBlank(value)) {
    throw new GmsaError(
      'BAD_INPUT',
      value === '' ? `The ${what} is empty.` : `The ${what} contains only white space.`,
      `Pass a ${what} with at least one word.`,
    );
  }
}
