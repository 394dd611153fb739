import { GmsaError } from '../src/index.js';

export function isAbort(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === 'AbortError';
}

/** What happened and what to do about it, as elements to show. */
export function errorInWords(reason: unknown): HTMLElement[] {
  const what = document.createElement('p');
  if (!(reason instanceof GmsaError)) {
    what.textContent = reason instanceof Error ? reason.message : String(reason);
    return [what];
  }
  what.textContent = reason.message;
  const fix = document.createElement('p');
  fix.className = 'fix';
  fix.textContent = reason.fix;
  const code = document.createElement('code');
  code.textContent = reason.code;
  fix.append(' ', code);
  return [what, fix];
}
