// For browser tests: the tiny model of models/fixture, and what a worker's classes need around them.

import type { ModelConfig } from '../model-folder/model-config.js';
import { downloadModelFiles, type ModelFiles } from '../model-folder/model-files.js';
import { openModelFolder } from '../model-folder/model-folder.js';
import type { Job } from '../rpc/job.js';
import type { ConcreteDevice } from '../workers/setup.js';

export const FIXTURE_URL = new URL('../../models/fixture/', import.meta.url);

let files: Promise<ModelFiles & { config: ModelConfig }> | undefined;

/** Everything the workers' classes want as their setup. */
export async function fixtureSetup(device: ConcreteDevice) {
  files ??= openModelFolder(FIXTURE_URL).then(async (folder) => ({
    config: folder.config,
    ...(await downloadModelFiles(folder, 'fp32')),
  }));
  return { device, ...(await files) };
}

/** A job that collects its events, replies with what `onEvent` gives, and is aborted by hand. */
export function testJob<E>(onEvent?: (event: E, controller: AbortController) => unknown) {
  const controller = new AbortController();
  const events: E[] = [];
  const job: Job<E> = {
    signal: controller.signal,
    emit: (event) => {
      events.push(event);
      onEvent?.(event, controller);
    },
    request: async <A>(event: E) => {
      events.push(event);
      return onEvent?.(event, controller) as A;
    },
    checkpoint: async () => controller.signal.throwIfAborted(),
  };
  return { job, events, controller };
}

/** The toy sentences again and again, so that a text has several segments. */
export function longText(sentences: number): string {
  const names = ['Anna', 'Tom', 'Mia', 'Ben', 'Eva'];
  const things = ['cat', 'dog', 'hat', 'car', 'boat', 'ball', 'lamp'];
  const colours = ['red', 'blue', 'green', 'old'];
  const one = (i: number) =>
    `${names[i % 5]} has a ${colours[(i * 3) % 4]} ${things[(i * 2) % 7]}.${i % 6 === 5 ? '\n\n' : ' '}`;
  return Array.from({ length: sentences }, (_, i) => one(i)).join('');
}
