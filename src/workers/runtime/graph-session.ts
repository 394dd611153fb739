// Worker only. One graph as an ONNX Runtime session, entered through the queue.
import { GmsaError } from '../../errors.js';
import { badModel, type GraphName } from '../../model-folder/manifest.js';
import type { GraphBlobs } from '../../model-folder/model-files.js';
import type { Engine } from './engine.js';
import { type FloatType, InferenceSession, type SessionOptions, type Tensor } from './ort.js';

interface GraphOptions {
  /** Outputs that stay on the GPU (WebGPU only); a pattern over output names. All others come to the CPU. */
  keepOnGpu?: RegExp;
  /** Inputs and outputs that the graph must have. */
  inputs: readonly string[];
  outputs: readonly string[];
}

export class GraphSession {
  readonly #session: InferenceSession;
  readonly #engine: Engine;
  /** Type of the graph's `float` inputs and outputs. */
  readonly floatType: FloatType;

  private constructor(session: InferenceSession, engine: Engine, floatType: FloatType) {
    this.#session = session;
    this.#engine = engine;
    this.floatType = floatType;
  }

  /**
   * The caller releases it.
   * @throws GmsaError `BAD_MODEL` if ONNX Runtime refuses the graph, or an input or output is missing
   */
  static async create(engine: Engine, name: GraphName, files: GraphBlobs, options: GraphOptions) {
    const { device } = engine;
    const { keepOnGpu } = options;
    const model = await bytesOf(files.graph);
    // As bytes: from a Blob the JSPI build reads on demand, and on a busy machine every other creation of a session with
    // real weights then never ends (onnxruntime-web 1.31.0-dev.20260914, Chromium 156).
    const externalData = await Promise.all(
      files.data.map(async ({ path, blob }) => ({ path, data: await bytesOf(blob) })),
    );
    const common: SessionOptions = {
      externalData,
      logSeverityLevel: 3,
    };
    const session = await engine.queue
      .run(() =>
        InferenceSession.create(
          model,
          device
            ? {
                ...common,
                // ONNX Runtime's own checks of every dispatch cost some per cent of a decode step; WebGPU's remain.
                executionProviders: [{ name: 'webgpu', device, validationMode: 'wgpuOnly' }],
                ...(keepOnGpu ? { preferredOutputLocation: locations(keepOnGpu, options.outputs) } : {}),
              }
            : {
                ...common,
                executionProviders: ['wasm'],
                // Leave DequantizeLinear to constant folding, which then stores the weights in f32: MatMulNBits, into
                // which ONNX Runtime would fuse it, decodes ten times slower on wasm.
                extra: { session: { disable_quant_qdq: '1' } },
              },
        ),
      )
      .catch((error: unknown) => {
        const explained = engine.explain(error, `creating the session of ${name}`);
        if (!(explained instanceof GmsaError && explained.code === 'INTERNAL')) throw explained;
        const { message } = error as Error;
        if (/no available backend found/i.test(message)) {
          throw new GmsaError(
            'UNSUPPORTED',
            `ONNX Runtime could not be started: ${message}`,
            'Check that its wasm file is served (wasmPaths option) and that the page may compile it (CSP: wasm-unsafe-eval).',
            { cause: error },
          );
        }
        throw badModel(name, `ONNX Runtime rejects the graph: ${message}`, error);
      });
    const missing = [
      ...options.inputs.filter((input) => !session.inputNames.includes(input)),
      ...options.outputs.filter((output) => !session.outputNames.includes(output)),
    ];
    if (missing.length > 0) {
      await engine.queue.run(() => session.release());
      throw badModel(name, `the graph has no ${missing.join(', ')}`);
    }
    return new GraphSession(session, engine, floatTypeOf(session));
  }

  /** For inputs that only newer folders' graphs have. */
  hasInput(name: string): boolean {
    return this.#session.inputNames.includes(name);
  }

  /** The caller disposes the outputs that stay on the GPU. Inputs stay the caller's. */
  async run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    return (await this.#engine.queue.run(() => this.#session.run(feeds))) as Record<string, Tensor>;
  }

  async release(): Promise<void> {
    await this.#engine.queue.run(() => this.#session.release());
  }
}

async function bytesOf(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

function locations(keepOnGpu: RegExp, outputs: readonly string[]) {
  return Object.fromEntries(
    outputs.map((output) => [output, keepOnGpu.test(output) ? ('gpu-buffer' as const) : ('cpu' as const)]),
  );
}

function floatTypeOf(session: InferenceSession): FloatType {
  const all = [...session.inputMetadata, ...session.outputMetadata];
  return all.some((value) => value.isTensor && value.type === 'float16') ? 'float16' : 'float32';
}
