import { expose, wrap } from 'comlink';
import { expect, test } from 'vitest';
import './error-transfer.js';
import { GmsaError } from '../errors.js';

/** What a call rejects with on the other side of a message channel. */
async function thrownAcross(error: unknown): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  expose(
    {
      fail: async () => {
        throw error;
      },
    },
    port1 as never,
  );
  const remote = wrap<{ fail(): Promise<void> }>(port2 as never);
  try {
    return await remote.fail().catch((thrown: unknown) => thrown);
  } finally {
    port1.close();
    port2.close();
  }
}

test('a GmsaError crosses whole, its cause included', async () => {
  const cause = new TypeError('inner');
  const error = await thrownAcross(new GmsaError('BAD_MODEL', 'what happened', 'what to do', { cause }));
  expect(error).toBeInstanceOf(GmsaError);
  expect(error).toMatchObject({
    name: 'GmsaError',
    code: 'BAD_MODEL',
    message: 'what happened',
    fix: 'what to do',
  });
  expect((error as Error).cause).toMatchObject({ name: 'TypeError', message: 'inner' });
  expect((error as Error).stack).toContain('error-transfer.test.ts');
});

test('an abort crosses as a DOMException', async () => {
  const error = await thrownAcross(new DOMException('stopped', 'AbortError'));
  expect(error).toBeInstanceOf(DOMException);
  expect(error).toMatchObject({ name: 'AbortError', message: 'stopped' });
});

test('other errors keep name and message, other values their text', async () => {
  const error = await thrownAcross(new RangeError('too far'));
  expect(error).toMatchObject({ name: 'RangeError', message: 'too far' });
  expect(await thrownAcross({ toString: () => 'odd' })).toBe('odd');
});
