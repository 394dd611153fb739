import { expect, test } from 'vitest';
import { retryAfterMs } from './retry.js';

const now = Date.parse('2026-09-01T10:00:00Z');
test.each([
  ['3', 3000],
  ['0', 0],
  ['Tue, 01 Sep 2026 10:00:07 GMT', 7000],
  ['Tue, 01 Sep 2026 09:00:00 GMT', 0],
  ['86400', 60_000], // no longer than a minute
  ['soon', undefined],
  ['', undefined],
  [null, undefined],
])('Retry-After "%s" is %s ms', (header, ms) => {
  expect(retryAfterMs(header, now)).toBe(ms);
});
