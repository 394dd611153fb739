import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { serveFrom } from './scripts/lib/static-server.mjs';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** The development server shows the repository's models under /models/, as `npm start` does, without a copy. */
const serveModels: Plugin = {
  name: 'serve-models',
  configureServer: ({ middlewares }) => {
    const serve = serveFrom({ '/models/': path('./models') });
    middlewares.use((request, response, next) => {
      if (request.url?.startsWith('/models/')) serve(request, response);
      else next();
    });
  },
};

/** The demo and benchmark pages. The library itself is built by tsc: Vite's lib mode rewrites worker URLs into a form
 * that consumers' bundlers cannot analyse. */
export default defineConfig({
  root: path('./demo'),
  base: './',
  appType: 'mpa', // what is not there is a 404, not the demo
  worker: { format: 'es' },
  plugins: [serveModels],
  build: {
    outDir: path('./dist-demo'),
    emptyOutDir: true,
    target: 'esnext',
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: ['index', 'bench', 'harness', 'kernels'].map((page) => path(`./demo/${page}.html`)),
    },
  },
  server: { fs: { allow: [path('.')] } },
});
