// Apps that use the library as it is published: the examples, built with the packed tarball by their own bundlers.
import { defineConfig } from '@playwright/test';

/** A full Chromium: Playwright's headless shell has no WebGPU. `npm test` sets the path. */
const executablePath = process.env.CHROMIUM_PATH;

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/consumers',
  globalSetup: './install.ts',
  reporter: process.env.CI ? 'line' : 'list',
  workers: 1,
  timeout: 600_000, // builds on a slow machine
  expect: { timeout: 120_000 },
  forbidOnly: Boolean(process.env.CI),
  use: { trace: 'off', launchOptions: executablePath ? { executablePath } : { channel: 'chromium' } },
});
