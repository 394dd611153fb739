// A model on another origin, whose server breaks a connection: what browsers make of ranges across origins.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@playwright/test';
import { serveFrom } from '../scripts/lib/static-server.mjs';
import { DemoPage } from './demo-page.js';

const FILE = '/models/fixture/onnx/decoder_model_merged.onnx_data';
const serve = serveFrom({ '/models/': fileURLToPath(new URL('../models', import.meta.url)) });

let server: Server;
let requests: IncomingMessage[];

test.beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Expose-Headers', 'ETag');
    const first = requests.filter(({ url }) => url === FILE).length === 1;
    if (request.url === FILE && first) {
      const write = response.write.bind(response);
      let sent = 0;
      response.write = ((chunk: Buffer) => {
        sent += chunk.length;
        if (sent <= 150_000) return write(chunk);
        setTimeout(() => response.destroy(), 100);
        return false;
      }) as typeof response.write;
    }
    serve(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
test.afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test('is taken up where its connection broke, without a preflight', async ({ page }) => {
  const { port } = server.address() as AddressInfo;
  const demo = new DemoPage(page);
  await demo.open({ model: `http://127.0.0.1:${port}/models/fixture/`, device: 'wasm' });
  await demo.load();
  await expect(page.locator('#model-status')).toContainText('WebAssembly');
  expect(requests.map(({ method }) => method)).not.toContain('OPTIONS');
  const ranges = requests.filter(({ url }) => url === FILE).map(({ headers }) => headers.range);
  expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d+-$/)]);
});
