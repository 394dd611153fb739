// Worker only. What a call reports of the texts that it generated.
import type { GenerationResult, GenerationStats } from './api.js';
import type { Generated } from './generate.js';

/** @param started `performance.now()` at the start of the call's work */
export function resultOf(
  started: number,
  generated: readonly Generated[],
  prompt: Pick<GenerationStats, 'promptTokens' | 'softTokens' | 'reusedTokens' | 'reusedContext'>,
): GenerationResult {
  const tokenIds = generated.flatMap((one) => one.tokenIds);
  const steps = generated.reduce(
    (sum, { tokenIds: ids, stoppedBy }) => sum + ids.length - (stoppedBy === 'end' ? 0 : 1),
    0,
  );
  const decoding = generated.reduce((sum, { firstTokenAt, endedAt }) => sum + endedAt - firstTokenAt, 0);
  const notByEnd = generated.map((one) => one.stoppedBy).filter((stoppedBy) => stoppedBy !== 'end');
  return {
    tokenIds,
    stats: {
      ...prompt,
      newTokens: tokenIds.length,
      msToFirstToken: (generated[0]?.firstTokenAt ?? started) - started,
      msPerToken: steps > 0 ? decoding / steps : 0,
      ms: (generated.at(-1)?.endedAt ?? started) - started,
      stoppedBy: notByEnd.at(-1) ?? 'end',
    },
  };
}
