import { expect, test } from '@playwright/test';
import { askKnownQuestion, consumer, failInWorker, run, serve, watchConsole } from './consumer.js';

const bundlers = [
  { name: 'vite', script: 'vite/bin/vite.js', args: ['build'], out: 'dist' },
  { name: 'webpack', script: 'webpack/bin/webpack.js', args: ['--mode', 'production'], out: 'dist' },
  { name: 'next', script: 'next/dist/bin/next', args: ['build'], out: 'out' },
];

for (const { name, script, args, out } of bundlers) {
  test(`an app built with ${name} answers a question, and gets a worker's error with its code`, async ({
    page,
  }) => {
    const folder = consumer(name);
    run(folder, script, ...args);
    const server = await serve(`${folder}/${out}`);
    const complaints = watchConsole(page);
    try {
      await askKnownQuestion(page, server.url);
      expect(complaints).toEqual([]);
      await failInWorker(page);
    } finally {
      await server.close();
    }
  });
}
