// Serves built pages and model folders over HTTP: byte ranges, ETags, no index of folders, no fallback page.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** With these a page is cross-origin isolated, and wasm may use threads. */
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

/** The file that a URL path stands for, or undefined; the longest mounted prefix wins. */
export function resolveFile(pathname, mounts) {
  let path;
  try {
    path = decodeURIComponent(pathname);
  } catch {
    return undefined; // malformed escapes
  }
  if (path.includes('\0')) return undefined;
  const prefix = Object.keys(mounts)
    .filter((candidate) => path.startsWith(candidate))
    .sort((a, b) => b.length - a.length)[0];
  if (prefix === undefined) return undefined;
  // Normalised as an absolute path, so that ".." cannot climb out of the folder.
  const inside = normalize(`/${path.slice(prefix.length)}`);
  return join(resolve(mounts[prefix]), inside.endsWith('/') ? `${inside}index.html` : inside);
}

/** The bytes that a Range header asks for: { start, end }, end included; undefined for all; null if there are none. */
export function parseRange(header, size) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!match || (match[1] === '' && match[2] === '')) return undefined;
  const start = match[1] === '' ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === '' || match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1);
  return start > end || start >= size ? null : { start, end };
}

function respond(request, response, mounts, headers) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...headers, Allow: 'GET, HEAD' }).end();
    return;
  }
  const file = resolveFile(request.url.split(/[?#]/, 1)[0], mounts); // new URL() throws at "//"
  const stat = file && statSync(file, { throwIfNoEntry: false });
  if (!stat?.isFile()) {
    response.writeHead(404, { ...headers, 'Content-Type': TYPES['.txt'] }).end('Not found\n');
    return;
  }
  const etag = `"${stat.size.toString(36)}-${Math.trunc(stat.mtimeMs).toString(36)}"`;
  const common = {
    ...headers,
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-cache', // kept by the browser, asked for again with the ETag
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
  };
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, common).end();
    return;
  }
  const range = parseRange(request.headers.range, stat.size);
  if (range === null) {
    response.writeHead(416, { ...common, 'Content-Range': `bytes */${stat.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: stat.size - 1 };
  common['Content-Length'] = end - start + 1;
  if (range) common['Content-Range'] = `bytes ${start}-${end}/${stat.size}`;
  response.writeHead(range ? 206 : 200, common);
  if (request.method === 'HEAD' || stat.size === 0) {
    response.end();
    return;
  }
  const stream = createReadStream(file, { start, end });
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}

/**
 * A request listener of node:http.
 * @param {Record<string, string>} mounts URL prefixes to folders: { '/': 'dist-demo', '/models/': 'models' }
 * @param {{ headers?: Record<string, string> }} [options] headers of every response
 * @returns {(request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void}
 */
export function serveFrom(mounts, { headers = {} } = {}) {
  return (request, response) => respond(request, response, mounts, headers);
}

/**
 * @param {Record<string, string>} mounts as for serveFrom
 * @param {{ host?: string, port?: number, isolated?: boolean, headers?: Record<string, string> }} [options]
 *   port 0: any free one; isolated: ISOLATION among the headers
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} url ends with a slash
 */
export async function startStaticServer(
  mounts,
  { host = '127.0.0.1', port = 0, isolated = false, headers = {} } = {},
) {
  const server = createServer(
    serveFrom(mounts, { headers: isolated ? { ...ISOLATION, ...headers } : headers }),
  );
  await new Promise((done, failed) => server.once('error', failed).listen(port, host, done));
  const shown = host === '0.0.0.0' || host === '127.0.0.1' ? 'localhost' : host;
  return {
    url: `http://${shown}:${server.address().port}/`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
