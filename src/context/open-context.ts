import { GmsaError } from '../errors.js';
import { type ContextModel, checkContext, checkModel, checkRates } from './check-context.js';
import { CompressedContext, type ContextData } from './compressed-context.js';
import { contextFromBytes } from './context-file.js';

/**
 * A context from its file, or from a structured clone.
 * @throws GmsaError `CORRUPT_FILE`, `OTHER_MODEL`, `BAD_RATE`; `BAD_INPUT` for a value that is no context
 */
export async function openContext(
  source: Blob | ArrayBuffer | ContextData,
  model: ContextModel,
): Promise<CompressedContext> {
  if (!(source instanceof Blob || source instanceof ArrayBuffer)) {
    checkContext(source, model);
    return new CompressedContext(source);
  }
  const parts = contextFromBytes(new Uint8Array(await bytesOf(source)));
  checkModel(parts, model);
  checkRates(parts, model);
  return new CompressedContext(parts);
}

async function bytesOf(source: Blob | ArrayBuffer): Promise<ArrayBuffer> {
  if (source instanceof ArrayBuffer) return source;
  try {
    return await source.arrayBuffer();
  } catch (error) {
    throw new GmsaError(
      'CORRUPT_FILE',
      `The file could not be read: ${error instanceof Error ? error.message : error}.`,
      'Choose the file again: it was moved, changed or deleted since.',
      { cause: error },
    );
  }
}
