import { defineConfig } from '@playwright/test';
import { SOFTWARE_WEBGPU } from '../scripts/lib/software-webgpu.mjs';

const PORT = 4173;

/** A full Chromium: Playwright's headless shell has no WebGPU. `npm test` sets the path. */
const executablePath = process.env.CHROMIUM_PATH;
const browser = (args: string[]) => ({
  launchOptions: { ...(executablePath ? { executablePath } : { channel: 'chromium' }), args },
});

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results/e2e',
  reporter: process.env.CI ? 'line' : 'list',
  workers: 1, // a model at a time
  timeout: 600_000, // the real model on one thread of a slow machine
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env.CI),
  use: { baseURL: `http://localhost:${PORT}/`, trace: 'off' },
  webServer: {
    command: `node ../scripts/start.mjs --port ${PORT}`,
    url: `http://localhost:${PORT}/`,
    timeout: 120_000,
    reuseExistingServer: false,
  },
  projects: [
    {
      name: 'webgpu',
      testMatch: '*.webgpu.spec.ts',
      use: browser(SOFTWARE_WEBGPU),
    },
    { name: 'wasm', testMatch: '*.wasm.spec.ts', use: browser([]) },
  ],
});
