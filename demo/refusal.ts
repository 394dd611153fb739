// Shows an answer that is the model's refusal for what it is.
import { create } from './dom.js';

/** Marks a finished answer, in `element`, if it is the refusal. */
export function markRefusal(element: HTMLElement, refusal: string | undefined): void {
  if (refusal === undefined || element.textContent !== refusal) return;
  element.classList.add('refusal');
  const text = 'The model found no answer in the text.';
  element.after(create('p', { className: 'note', text }));
}
