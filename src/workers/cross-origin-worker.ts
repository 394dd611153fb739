// Page side.

/**
 * A module worker whose script is on another origin. Browsers refuse to start one from there, but let a script of the
 * page's own origin import it. The other origin has to allow that (CORS); a Content-Security-Policy needs `worker-src`
 * with `blob:` and that origin.
 */
export function crossOriginWorker(url: string | URL): Worker {
  const script = new Blob([`import ${JSON.stringify(new URL(url, location.href).href)};`], {
    type: 'text/javascript',
  });
  // Not revoked: nothing tells when the worker has read it, and it is a line of text.
  return new Worker(URL.createObjectURL(script), { type: 'module' });
}
