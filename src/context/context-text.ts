// The text that a context stands for, where it holds it.
import { GmsaError } from '../errors.js';
import { sha256Hex } from '../utils/sha256.js';
import type { ContextData } from './context-data.js';

/** Those whose text is the one that was compressed. */
const checked = new WeakSet<object>();

/**
 * The segments' texts, joined; undefined if one is missing.
 * @throws GmsaError `CORRUPT_FILE` if it is not the text that was compressed
 */
export function contextText(context: Pick<ContextData, 'segments' | 'sourceHash'>): string | undefined {
  const { segments, sourceHash } = context;
  const texts = segments.flatMap(({ text }) => (text === undefined ? [] : [text]));
  if (texts.length < segments.length) return undefined;
  const text = texts.join('');
  if (!checked.has(context)) {
    if (sha256Hex(text) !== sourceHash) {
      throw new GmsaError(
        'CORRUPT_FILE',
        'The text in the context is not the one that was compressed: its SHA-256 is another.',
        'Compress the text again, or save the context without its text.',
      );
    }
    checked.add(context);
  }
  return text;
}
