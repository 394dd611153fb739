import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRange, resolveFile, startStaticServer } from './static-server.mjs';

describe('static server', () => {
  let folder;
  let server;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'static-server-'));
    mkdirSync(join(folder, 'pages'));
    mkdirSync(join(folder, 'models'));
    writeFileSync(join(folder, 'pages/index.html'), '<!doctype html>');
    writeFileSync(join(folder, 'models/weights.onnx_data'), '0123456789');
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    server = await startStaticServer({ '/': join(folder, 'pages'), '/models/': join(folder, 'models') });
  });
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  it('serves the index of the pages and files of the longest prefix', async () => {
    const index = await fetch(server.url);
    expect(index.headers.get('content-type')).toContain('text/html');
    expect(await (await fetch(`${server.url}models/weights.onnx_data`)).text()).toBe('0123456789');
  });

  it('answers 404 for what is not there, and for folders', async () => {
    expect((await fetch(`${server.url}models/none.json`)).status).toBe(404);
    expect((await fetch(`${server.url}models`)).status).toBe(404);
  });

  it('serves byte ranges', async () => {
    const part = await fetch(`${server.url}models/weights.onnx_data`, { headers: { range: 'bytes=2-4' } });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe('bytes 2-4/10');
    expect(await part.text()).toBe('234');
    const none = await fetch(`${server.url}models/weights.onnx_data`, { headers: { range: 'bytes=10-' } });
    expect(none.status).toBe(416);
  });

  it('does not send again what the browser has', async () => {
    const etag = (await fetch(server.url)).headers.get('etag');
    expect((await fetch(server.url, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('outlives addresses that are no URLs', async () => {
    const statuses = [];
    for (const path of ['//', '//?a=b', '/%zz', '/\\']) {
      statuses.push(
        await new Promise((done, failed) => {
          const { hostname, port } = new URL(server.url);
          get({ hostname, port, path }, (response) => done(response.resume().statusCode)).on('error', failed);
        }),
      );
    }
    expect(statuses).toEqual([200, 200, 404, 404]);
    expect((await fetch(server.url)).status).toBe(200);
  });

  it('keeps to its folders', () => {
    const mounts = { '/': join(folder, 'pages') };
    expect(resolveFile('/%2e%2e/secret.txt', mounts)).toBe(join(folder, 'pages/secret.txt'));
    expect(resolveFile('/..%2fsecret.txt', mounts)).toBe(join(folder, 'pages/secret.txt'));
    expect(resolveFile('/%zz', mounts)).toBeUndefined();
    expect(resolveFile('/a%00', mounts)).toBeUndefined();
  });

  it('isolates only when told to', async () => {
    expect((await fetch(server.url)).headers.get('cross-origin-opener-policy')).toBeNull();
    const isolated = await startStaticServer({ '/': join(folder, 'pages') }, { isolated: true });
    try {
      expect((await fetch(isolated.url)).headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    } finally {
      await isolated.close();
    }
  });

  it.each([
    ['bytes=0-', { start: 0, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=4-100', { start: 4, end: 9 }],
    ['bytes=5-4', null],
    ['bytes=10-', null],
    ['bytes=-', undefined],
    [undefined, undefined],
  ])('reads the range %s', (header, expected) => {
    expect(parseRange(header, 10)).toEqual(expected);
  });
});
