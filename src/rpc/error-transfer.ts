// Registers, on whichever side of a worker imports it, how comlink carries thrown errors. Its own handler keeps name,
// message and stack alone; code, fix and cause would be lost.
import { transferHandlers } from 'comlink';
import { GmsaError, type GmsaErrorCode } from '../errors.js';

/** A thrown value as it travels; everything in it can be structured-cloned. */
export type WireError =
  | { kind: 'gmsa'; code: GmsaErrorCode; message: string; fix: string; stack?: string; cause?: WireError }
  | { kind: 'error'; name: string; message: string; stack?: string; cause?: WireError }
  | { kind: 'exception'; name: string; message: string }
  | { kind: 'value'; text: string };

export function toWire(error: unknown): WireError {
  if (typeof DOMException !== 'undefined' && error instanceof DOMException) {
    return { kind: 'exception', name: error.name, message: error.message };
  }
  if (!(error instanceof Error)) return { kind: 'value', text: String(error) };
  const cause = error.cause === undefined ? {} : { cause: toWire(error.cause) };
  const { name, message, stack } = error;
  const trace = stack === undefined ? {} : { stack };
  return error instanceof GmsaError
    ? { kind: 'gmsa', code: error.code, message, fix: error.fix, ...trace, ...cause }
    : { kind: 'error', name, message, ...trace, ...cause };
}

export function fromWire(wire: WireError): unknown {
  if (wire.kind === 'value') return wire.text;
  if (wire.kind === 'exception') return new DOMException(wire.message, wire.name);
  const options = wire.cause ? { cause: fromWire(wire.cause) } : undefined;
  const error =
    wire.kind === 'gmsa'
      ? new GmsaError(wire.code, wire.message, wire.fix, options)
      : Object.assign(new Error(wire.message, options), { name: wire.name });
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

const original = transferHandlers.get('throw')!;

// comlink wraps what was thrown as `{ value, [throwMarker] }`; only its own handler knows the marker.
transferHandlers.set('throw', {
  canHandle: (value): value is { value: unknown } => original.canHandle(value),
  serialize: (thrown: { value: unknown }) => [toWire(thrown.value), []],
  deserialize: (wire: WireError) => {
    throw fromWire(wire);
  },
});
