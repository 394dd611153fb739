// What of a chat prompt of the AI SDK a question to a compressed text can be made from.
import type { LanguageModelV3CallOptions, LanguageModelV3FilePart, SharedV3Warning } from '@ai-sdk/provider';
import { GmsaError } from '../errors.js';

export interface Question {
  /** The text of the last message, which has to be the user's. */
  question: string;
  /** The text files of all user messages, in order, joined by a blank line; undefined if there are none. */
  document: string | undefined;
  /** What else the prompt holds and the model does not read. */
  warnings: SharedV3Warning[];
}

/** @throws GmsaError `BAD_INPUT` if the last message is not a question, or a file is no text */
export function readPrompt(prompt: LanguageModelV3CallOptions['prompt']): Question {
  const last = prompt.at(-1);
  if (last?.role !== 'user') {
    throw new GmsaError(
      'BAD_INPUT',
      last ? `The last message of the prompt has the role ${last.role}.` : 'The prompt has no messages.',
      'End the prompt with a user message that holds the question.',
    );
  }
  const question = last.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
  const files = prompt
    .flatMap((message) => (message.role === 'user' ? message.content : []))
    .filter((part): part is LanguageModelV3FilePart => part.type === 'file');
  const warnings: SharedV3Warning[] = [];
  if (prompt.some(({ role }) => role === 'system')) {
    warnings.push(unsupported('system messages', 'The model was trained on questions only.'));
  }
  if (prompt.slice(0, -1).some(({ role }) => role !== 'system')) {
    warnings.push(unsupported('earlier messages', 'Only the text files in them are read.'));
  }
  return { question, document: files.length > 0 ? files.map(textOf).join('\n\n') : undefined, warnings };
}

function textOf({ data, mediaType, filename = 'a file' }: LanguageModelV3FilePart): string {
  if (!/^text\/(?!\*)|^application\/json$/.test(mediaType) || data instanceof URL) {
    throw new GmsaError(
      'BAD_INPUT',
      `The prompt contains ${filename} of type ${mediaType}${data instanceof URL ? ', given by its URL' : ''}.`,
      'Pass text files with their content and a media type such as text/plain.',
    );
  }
  return new TextDecoder().decode(typeof data === 'string' ? fromBase64(data, filename) : data);
}

function fromBase64(data: string, name: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  } catch (cause) {
    throw new GmsaError(
      'BAD_INPUT',
      `The data of ${name} in the prompt is not valid base64.`,
      'Pass the text as bytes, new TextEncoder().encode(text), or as base64.',
      { cause },
    );
  }
}

export function unsupported(feature: string, details: string): SharedV3Warning {
  return { type: 'unsupported', feature, details };
}
