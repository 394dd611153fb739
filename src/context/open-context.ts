import { GmsaError } from '../errors.js';
import { type ContextModel, checkContext, checkModel, checkRates } from './check-context.js';
import { CompressedContext, type ContextData } from './compressed-context.js';
import { contextFromBytes } from './context-file.js';

/**
 * A context from its file, or from a structured clone.
 * @throws GmsaError `CORRUPT_FILE`, `OTHER_MODEL`, `BAD_RATE`; `BAD_INPUT` for a value that is no context
 */
export async function openContext(
  source: Blob | BufferSource | ContextData,
  model: ContextModel,
): Promise<CompressedContext> {
  const isFile = source instanceof Blob || source instanceof ArrayBuffer || ArrayBuffer.isView(source);
  if (!isFile) {
    checkContext(source, model);
    return new CompressedContext(source);
  }
  const parts = contextFromBytes(await bytesOf(source));
  checkModel(parts, model);
  checkRates(parts, model);
  return new CompressedContext(parts);
}

async function bytesOf(source: Blob | BufferSource): Promise<Uint8Array<ArrayBuffer>> {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  try {
    return new Uint8Array(source instanceof Blob ? await source.arrayBuffer() : source);
  } catch (error) {
    throw new GmsaError(
      'CORRUPT_FILE',
      `The file could not be read: ${error instanceof Error ? error.message : error}.`,
      'Choose the file again: it was moved, changed or deleted since.',
      { cause: error },
    );
  }
}
