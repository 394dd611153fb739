import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  DATA,
  dropAfter,
  QUICK,
  send,
  stallAfter,
  status,
  ToyModelServer,
} from '../testing/toy-model-server.js';
import { sha256Hex } from '../utils/sha256.js';
import { type DownloadOptions, downloadFile } from './download.js';

const server = new ToyModelServer();
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => server.reset());
afterEach(() => vi.unstubAllGlobals());

const content = () => server.files.get(DATA)!;
const entry = () => ({ bytes: content().length, sha256: sha256Hex(content()) });
/** Bytes as they were reported. */
let reported: number[];

async function download(options: Partial<DownloadOptions> = {}): Promise<Buffer> {
  reported = [];
  const onReceived = (bytes: number) => reported.push(bytes);
  const blob = await downloadFile(server.url(DATA), entry(), { retry: QUICK, onReceived, ...options });
  return Buffer.from(await blob.arrayBuffer());
}

const ranges = () => server.requestsOf(DATA).map(({ range }) => range);
const etagged = () => ({ ETag: server.etag(content()) });

test('the file comes whole, its bytes counted', async () => {
  expect((await download()).equals(content())).toBe(true);
  expect(reported.at(-1)).toBe(content().length);
  expect(ranges()).toEqual([undefined]);
});

test('an empty file is a file', async () => {
  server.files.set(DATA, Buffer.alloc(0));
  expect(await download()).toHaveLength(0);
});

describe('a connection that breaks', () => {
  test('is taken up where it broke, and only if the file is the same', async () => {
    server.fail(DATA, dropAfter(100_000, etagged()));
    expect((await download()).equals(content())).toBe(true);
    const [first, second] = server.requestsOf(DATA);
    expect(first!.range).toBeUndefined();
    expect(second).toMatchObject({ range: 'bytes=100000-', ifRange: server.etag(content()) });
    expect(reported.toSorted((a, b) => a - b)).toEqual(reported);
  });

  test('is taken up in a large file too, of which the beginning was put aside', async () => {
    server.files.set(
      DATA,
      Buffer.from(Uint32Array.from({ length: 5_000_000 }, (_, i) => i * 2654435761).buffer),
    );
    server.fail(DATA, dropAfter(12_000_000, etagged()));
    expect((await download()).equals(content())).toBe(true);
    expect(ranges()).toHaveLength(2);
  });

  test('is taken up by date where the ETag is weak', async () => {
    const modified = 'Tue, 01 Sep 2026 10:00:00 GMT';
    server.fail(DATA, dropAfter(100_000, { ETag: 'W/"1"', 'Last-Modified': modified }), (response, all) => {
      response.writeHead(206, { 'Content-Range': `bytes 100000-${all.length - 1}/${all.length}` });
      response.end(all.subarray(100_000));
    });
    expect((await download()).equals(content())).toBe(true);
    expect(server.requestsOf(DATA)[1]!.ifRange).toBe(modified);
  });

  test.each([
    ['the server gives no ranges', () => (server.ranges = false), etagged],
    ['the file changed meanwhile', () => (server.version = 'b'), etagged],
    ['there is no telling whether it changed', () => {}, () => ({})],
    ['it was compressed on the way', () => {}, () => ({ ...etagged(), 'Content-Encoding': 'identity' })],
  ])('starts again from the beginning where %s', async (_, prepare, headers) => {
    server.fail(DATA, dropAfter(100_000, headers()));
    prepare();
    expect((await download()).equals(content())).toBe(true);
    expect(server.requestsOf(DATA)).toHaveLength(2);
    expect(reported.some((bytes, i) => bytes < (reported[i - 1] ?? 0))).toBe(true);
    expect(reported.at(-1)).toBe(content().length);
  });

  test.each([
    ['the rest of another version', 100_000, '"other"'],
    ['another part than asked for', 90_000, undefined],
  ])('a server that gives %s is not believed', async (_, start, etag) => {
    server.fail(DATA, dropAfter(100_000, etagged()), (response, all) => {
      response.writeHead(206, {
        ETag: etag ?? server.etag(all),
        'Content-Range': `bytes ${start}-${all.length - 1}/${all.length}`,
      });
      response.end(all.subarray(start));
    });
    expect((await download()).equals(content())).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  test('and a server that finds the range outside its file starts again', async () => {
    server.fail(DATA, dropAfter(100_000, etagged()), status(416));
    expect((await download()).equals(content())).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  test('a stitched file whose server hides every change is found by its hash and fetched again', async () => {
    const old = Buffer.alloc(content().length, 7);
    server.fail(DATA, dropAfter(100_000, { ETag: '"same"' }), (response) => {
      response.writeHead(206, {
        ETag: '"same"',
        'Content-Range': `bytes 100000-${old.length - 1}/${old.length}`,
      });
      response.end(old.subarray(100_000));
    });
    expect((await download()).equals(content())).toBe(true);
    expect(ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  test('again and again is no failure as long as more comes each time', async () => {
    const drop = (from: number, to: number) => (response: Parameters<ReturnType<typeof dropAfter>>[0]) => {
      const all = content();
      response.writeHead(from === 0 ? 200 : 206, {
        ...etagged(),
        'Content-Length': all.length - from,
        'Content-Range': `bytes ${from}-${all.length - 1}/${all.length}`,
      });
      response.write(all.subarray(from, to), () => setTimeout(() => response.destroy(), 20));
    };
    const steps = [0, 1, 2, 3, 4, 5].map((i) => drop(i * 40_000, (i + 1) * 40_000));
    server.fail(DATA, ...steps);
    expect((await download()).equals(content())).toBe(true);
    expect(server.requestsOf(DATA).length).toBeGreaterThan(QUICK.attempts);
  });

  test('and then gives nothing is NETWORK', async () => {
    server.fail(DATA, ...Array.from({ length: 9 }, () => dropAfter(100_000)));
    await expect(download()).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining(DATA),
    });
    expect(server.requestsOf(DATA).length).toBeLessThanOrEqual(QUICK.attempts + 1);
  });

  test('in all but name, giving nothing more, is given up and taken up again', async () => {
    server.fail(DATA, stallAfter(1000));
    expect((await download({ retry: { ...QUICK, stallMs: 1000 } })).equals(content())).toBe(true);
    server.fail(DATA, ...Array.from({ length: 3 }, () => stallAfter(0)));
    await expect(download({ retry: { ...QUICK, stallMs: 50 } })).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('nothing came for 0.05 s'),
    });
  });
});

describe('statuses', () => {
  test.each([500, 502, 503, 504, 408, 425, 429])('%i is tried again', async (code) => {
    server.fail(DATA, status(code), status(code, { 'Retry-After': '0' }));
    expect((await download()).equals(content())).toBe(true);
    expect(ranges()).toHaveLength(3);
  });

  test('a server that fails for good is NETWORK, after the last attempt', async () => {
    server.fail(DATA, ...Array.from({ length: 9 }, () => status(503)));
    await expect(download()).rejects.toMatchObject({
      code: 'NETWORK',
      message: expect.stringContaining('503'),
    });
    expect(ranges()).toHaveLength(QUICK.attempts);
  });

  test.each([
    [404, 'MODEL_NOT_FOUND'],
    [410, 'MODEL_NOT_FOUND'],
    [401, 'NETWORK'],
    [403, 'NETWORK'],
  ])('%i is %s at once', async (number, code) => {
    server.fail(DATA, status(number));
    await expect(download()).rejects.toMatchObject({ code });
    expect(ranges()).toHaveLength(1);
  });
});

describe('content that the manifest does not describe', () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1';
  test.each([
    ['too short', () => pointer, /it has 42 bytes, the manifest says 300000/],
    ['too long', () => Buffer.concat([content(), content()]), /more than 300000 bytes/],
    ['of the right size but wrong', () => Buffer.alloc(content().length, 1), /its sha256 is [0-9a-f]{64}/],
  ])('%s is CORRUPT_FILE', async (_, wrong, message) => {
    server.fail(DATA, send(wrong()), send(wrong()));
    await expect(download()).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(message),
      fix: expect.stringContaining('upload all of it again'),
    });
  });

  test('is fetched once more, past the HTTP cache', async () => {
    const fetched = vi.fn(fetch);
    vi.stubGlobal('fetch', fetched);
    server.fail(DATA, send(Buffer.alloc(content().length, 1)));
    expect((await download()).equals(content())).toBe(true);
    expect(fetched.mock.calls.map(([, init]) => init?.cache)).toEqual(['default', 'reload']);
    expect(reported).toContain(0);
  });
});

test('across origins no If-Range is sent, which would need a preflight, but versions are compared', async () => {
  vi.stubGlobal('location', { origin: 'http://elsewhere.example' });
  server.fail(DATA, dropAfter(100_000, etagged()));
  expect((await download()).equals(content())).toBe(true);
  expect(server.requestsOf(DATA)[1]).toEqual({ path: DATA, range: 'bytes=100000-', ifRange: undefined });
  server.requests = [];
  server.fail(DATA, dropAfter(100_000, etagged()));
  server.version = 'b';
  expect((await download()).equals(content())).toBe(true);
});

describe('an abort', () => {
  const reason = new Error('enough');
  test('in the middle of the file rejects with its reason and lets go of the connection', async () => {
    const controller = new AbortController();
    const closed = new Promise<void>((resolve) => {
      server.fail(DATA, (response, all, request) => {
        response.on('close', resolve);
        stallAfter(1000)(response, all, request);
      });
    });
    const onReceived = () => controller.abort(reason);
    await expect(download({ signal: controller.signal, onReceived })).rejects.toBe(reason);
    await closed;
    expect(ranges()).toHaveLength(1);
  });

  test('beforehand asks for nothing', async () => {
    await expect(download({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(ranges()).toHaveLength(0);
  });
});

test('an error of the listener ends the download as it is, without another attempt', async () => {
  const onReceived = () => {
    throw new RangeError('mine');
  };
  await expect(download({ onReceived })).rejects.toThrow(RangeError);
  expect(ranges()).toHaveLength(1);
});
