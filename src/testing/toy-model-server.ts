// For Node tests: an HTTP server with a model folder that no graph can be made of, and with faults on demand.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RetryPolicy } from '../model-folder/retry.js';
import { sha256Hex } from '../utils/sha256.js';

export const GRAPH_NAMES = ['embed_tokens', 'encoder_model', 'lsa', 'decoder_model_merged'];
export const DATA = 'onnx/shared.onnx_data';

const CONFIG = {
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  gmsa: {
    format: 1,
    base_model: 'base',
    rates: [4, 2],
    default_rate: 2,
    segment_length: 64,
    window: 1024,
    prefix_ids: [1],
    question_template: 'Q {question} A',
    restore_instruction: 'R',
    end_ids: [2],
    licence: 'Apache-2.0',
  },
};

// biome-ignore lint/suspicious/noExplicitAny: tests edit what they know
type Json = any;
/** Answers one request in place of the server. */
export type Fault = (response: ServerResponse, content: Buffer, request: IncomingMessage) => void;

/** Without noticeable waits. */
export const QUICK: RetryPolicy = { attempts: 3, baseMs: 1, maxMs: 4, stallMs: 10_000 };

export class ToyModelServer {
  /** What there is: path → content. */
  files = new Map<string, Buffer>();
  /** Faults by path, each for one request, in order. */
  faults = new Map<string, Fault[]>();
  requests: { path: string; range: string | undefined; ifRange: string | undefined }[] = [];
  /** Whether ranges are served. */
  ranges = true;
  /** Added to every ETag: the files count as changed when it does. */
  version = 'a';
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.reset();
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Without a final slash. */
  get base(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/model`;
  }

  url(path: string): URL {
    return new URL(`${this.base}/${path}`);
  }

  /** The folder as at first. */
  reset(): void {
    this.requests = [];
    this.faults.clear();
    this.ranges = true;
    this.version = 'a';
    this.files = new Map(
      Object.entries({
        'config.json': JSON.stringify(CONFIG),
        'tokenizer.json': '{"model":{}}',
        'tokenizer_config.json': '{"a":1}',
        [DATA]: Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) % 251)),
        ...Object.fromEntries(GRAPH_NAMES.map((name) => [`onnx/${name}.onnx`, `graph of ${name}`])),
      }).map(([path, content]) => [path, Buffer.from(content)]),
    );
    this.#list();
  }

  /** Changes a file, and the manifest with it. */
  publish(path: string, content: string | Buffer): void {
    this.files.set(path, Buffer.from(content));
    this.#list();
  }

  /** Edits a JSON file; the manifest follows unless it is the one. */
  edit(path: string, change: (value: Json) => void): void {
    const value: Json = JSON.parse(this.files.get(path)!.toString());
    change(value);
    if (path === 'manifest.json') this.files.set(path, Buffer.from(JSON.stringify(value)));
    else this.publish(path, JSON.stringify(value));
  }

  fail(path: string, ...faults: Fault[]): void {
    this.faults.set(path, faults);
  }

  requestsOf(path: string) {
    return this.requests.filter((request) => request.path === path);
  }

  etag(content: Buffer): string {
    return `"${this.version}-${sha256Hex(content).slice(0, 8)}"`;
  }

  #list(): void {
    const files = [...this.files].filter(([path]) => path !== 'manifest.json');
    const manifest = {
      format: 1,
      name: 'toy',
      files: files.map(([path, content]) => ({ path, bytes: content.length, sha256: sha256Hex(content) })),
      dtypes: {
        fp32: Object.fromEntries(
          GRAPH_NAMES.map((name) => [name, { graph: `onnx/${name}.onnx`, data: [DATA] }]),
        ),
      },
    };
    this.files.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!.slice('/model/'.length);
    const { range, 'if-range': ifRange } = request.headers;
    this.requests.push({ path, range, ifRange: ifRange as string | undefined });
    const content = this.files.get(path);
    const fault = this.faults.get(path)?.shift();
    if (fault) fault(response, content ?? Buffer.alloc(0), request);
    else if (content) this.#send(response, content, range, ifRange as string | undefined);
    else response.writeHead(404).end();
  }

  #send(response: ServerResponse, content: Buffer, range?: string, ifRange?: string): void {
    const etag = this.etag(content);
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (this.ranges && start > 0 && (ifRange === undefined || ifRange === etag)) {
      const last = content.length - 1;
      response.writeHead(206, { ETag: etag, 'Content-Range': `bytes ${start}-${last}/${content.length}` });
      response.end(content.subarray(start));
    } else {
      response.writeHead(200, { ETag: etag, 'Content-Length': content.length }).end(content);
    }
  }
}

/** Sends so many bytes of the whole file, then breaks the connection. */
export function dropAfter(bytes: number, headers: Record<string, string> = {}): Fault {
  return (response, content) => {
    response.writeHead(200, { 'Content-Length': content.length, ...headers });
    response.write(content.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
  };
}

export function status(code: number, headers: Record<string, string> = {}): Fault {
  return (response) => void response.writeHead(code, headers).end();
}

export function send(content: string | Buffer, headers: Record<string, string> = {}): Fault {
  return (response) => void response.writeHead(200, headers).end(content);
}

/** Sends so many bytes and then nothing more. */
export function stallAfter(bytes: number): Fault {
  return (response, content) => {
    response.writeHead(200, { 'Content-Length': content.length });
    response.write(content.subarray(0, bytes));
  };
}
