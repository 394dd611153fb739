// Whether a value is a context, and one of the model in use.
import { GmsaError } from '../errors.js';
import { isObject } from '../utils/is-object.js';
import type { ContextData } from './compressed-context.js';
import { segmentFault } from './segment-fault.js';

/** What a context must agree with. */
export interface ContextModel {
  name: string;
  hash: string;
  hiddenSize: number;
  rates: readonly number[];
}

/** @throws GmsaError `BAD_INPUT` naming what is wrong, `OTHER_MODEL`, `BAD_RATE` */
export function checkContext(value: unknown, model: ContextModel): asserts value is ContextData {
  if (!isObject(value)) throw notContext(`is ${value === null ? 'null' : typeof value}`);
  if (typeof value.modelHash !== 'string') throw notContext('has no model hash');
  checkModel(value as unknown as ContextData, model);
  checkSegments(value as unknown as ContextData);
  checkRates(value as unknown as ContextData, model);
}

/** @throws GmsaError `BAD_INPUT` naming what is wrong */
export function checkSegments(context: Pick<ContextData, 'segments' | 'hiddenSize'>): void {
  const { segments, hiddenSize } = Object(context) as Partial<ContextData>;
  if (!Array.isArray(segments) || segments.length === 0) throw notContext('has no segments');
  segments.forEach((segment, i) => {
    const fault = segmentFault(segment, hiddenSize!);
    if (fault !== undefined) throw notContext(`is broken: segment ${i + 1} ${fault}`);
  });
}

/** @throws GmsaError `OTHER_MODEL` */
export function checkModel(
  context: Pick<ContextData, 'modelName' | 'modelHash' | 'hiddenSize'>,
  model: ContextModel,
) {
  const { modelName, modelHash, hiddenSize } = context;
  const what =
    modelHash !== model.hash
      ? `of model ${modelName} (${modelHash.slice(0, 8)}), not of ${model.name} (${model.hash.slice(0, 8)})`
      : hiddenSize !== model.hiddenSize
        ? `of hidden size ${hiddenSize}, the model's is ${model.hiddenSize}`
        : undefined;
  if (what === undefined) return;
  throw new GmsaError(
    'OTHER_MODEL',
    `The context is ${what}.`,
    'Load the model that compressed it, or compress the text again.',
  );
}

/** @throws GmsaError `BAD_RATE` */
export function checkRates({ segments }: Pick<ContextData, 'segments'>, { name, rates }: ContextModel): void {
  const unknown = segments
    .flatMap(({ rate, restorationLoss }) => [rate, restorationLoss?.rate ?? rate])
    .find((rate) => !rates.includes(rate));
  if (unknown === undefined) return;
  throw new GmsaError(
    'BAD_RATE',
    `The context has a segment, or a loss of one, at rate ${unknown}, for which ${name} was not trained.`,
    `Compress the text again at one of its trained rates: ${rates.join(', ')}.`,
  );
}

function notContext(what: string): GmsaError {
  return new GmsaError(
    'BAD_INPUT',
    `The context ${what}.`,
    'Give what compress, update or open gave, awaited, or a structured clone of it.',
  );
}
