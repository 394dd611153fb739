import { GmsaError } from '../errors.js';

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param where URL of the folder or file */
export function badModel(where: string, what: string, cause?: unknown): GmsaError {
  return new GmsaError(
    'BAD_MODEL',
    `${where} is not a model folder that can be used: ${what}.`,
    'Give the URL of a folder in the format of docs/model-format.md, such as one that training/ exports.',
    cause === undefined ? undefined : { cause },
  );
}
