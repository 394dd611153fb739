/**
 * Trims a text that comes in pieces: white space at its beginning is dropped, white space at its end never written.
 * @param write called with each piece that is left
 */
export function trimmed(write: (piece: string) => void): (piece: string) => void {
  let started = false;
  let held = '';
  return (piece) => {
    let text = held + piece;
    if (!started) text = text.trimStart();
    const written = text.trimEnd();
    held = text.slice(written.length);
    if (written === '') return;
    started = true;
    write(written);
  };
}
