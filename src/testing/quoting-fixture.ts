// For browser tests: the fixture as a folder whose config says that the model reads quotes.
import { vi } from 'vitest';
import { sha256Hex } from '../utils/sha256.js';
import { FIXTURE_URL } from './fixture.js';

/** What training writes into the config of a model that reads quotes. */
export const QUOTING_KEYS = {
  quote_template: '\n\nQuoted: {quotes}',
  whole_text_tokens: 40,
  quote_tokens: 24,
};

/**
 * Until mocks are restored, the fixture's config has further keys in its "gmsa" block, and its manifest says so.
 * @returns the folder's address
 */
export function serveQuotingFixture(keys: object = {}): URL {
  const { fetch } = globalThis;
  const addressOf = (path: string) => `${FIXTURE_URL.href.replace(/\/$/, '')}/${path}`;
  const textOf = async (path: string) => (await fetch(addressOf(path))).text();
  const config = textOf('config.json').then((text) => {
    const json = JSON.parse(text) as { gmsa: object };
    return JSON.stringify({ ...json, gmsa: { ...json.gmsa, ...QUOTING_KEYS, ...keys } });
  });
  const manifest = Promise.all([textOf('manifest.json'), config]).then(([text, changed]) => {
    const json = JSON.parse(text) as { files: { path: string; bytes: number; sha256: string }[] };
    const file = json.files.find(({ path }) => path === 'config.json')!;
    Object.assign(file, { bytes: new TextEncoder().encode(changed).length, sha256: sha256Hex(changed) });
    return JSON.stringify(json);
  });
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const address = input instanceof Request ? input.url : String(input);
    if (address === addressOf('config.json')) return new Response(await config);
    if (address === addressOf('manifest.json')) return new Response(await manifest);
    return fetch(input, init);
  });
  return FIXTURE_URL;
}
