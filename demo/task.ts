// One thing at a time: while a task runs the other buttons rest, its Cancel button shows, and its error is shown in
// words beside it.
import { element } from './dom.js';
import { errorInWords, isAbort } from './errors-in-words.js';

export type TaskName = 'load' | 'compress' | 'ask' | 'restore';

const NAMES: readonly TaskName[] = ['load', 'compress', 'ask', 'restore'];

let running: { name: TaskName; controller: AbortController } | undefined;

function setBusy(name: TaskName, busy: boolean): void {
  for (const other of NAMES) element<HTMLButtonElement>(other).disabled = busy;
  element(`cancel-${name}`).hidden = !busy;
  document.body.setAttribute('aria-busy', String(busy));
}

/** Runs `work` unless something runs already; errors are shown, not thrown. */
export async function runTask(
  name: TaskName,
  work: (signal: AbortSignal) => Promise<void>,
  onCancelled: () => void = () => {},
): Promise<void> {
  if (running) return;
  const controller = new AbortController();
  running = { name, controller };
  const error = element(`${name}-error`);
  error.hidden = true;
  setBusy(name, true);
  try {
    await work(controller.signal);
  } catch (reason) {
    if (isAbort(reason)) onCancelled();
    else {
      error.replaceChildren(...errorInWords(reason));
      error.hidden = false;
    }
  } finally {
    running = undefined;
    setBusy(name, false);
  }
}

for (const name of NAMES) {
  element(`cancel-${name}`).addEventListener('click', () => {
    if (running?.name === name) running.controller.abort();
  });
}
