import { GmsaError } from './errors.js';
import { isBlank } from './segments/normalise.js';

/** @throws GmsaError `BAD_INPUT` unless the value is a string with more than white space */
export function checkText(value: unknown, what: 'text' | 'question'): void {
  if (typeof value !== 'string') {
    throw new GmsaError('BAD_INPUT', `The ${what} is not a string but ${typeof value}.`, `Give a ${what}.`);
  }
  if (isBlank(value)) {
    throw new GmsaError(
      'BAD_INPUT',
      value === '' ? `The ${what} is empty.` : `The ${what} has nothing but white space.`,
      `Give a ${what} with at least one word.`,
    );
  }
}
