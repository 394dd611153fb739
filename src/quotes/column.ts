type Numbers = Uint8Array | Uint16Array | Uint32Array;

/** A growing column of numbers in a typed array: a long text has too many for objects. */
export class Column<T extends Numbers> {
  #values: T;
  #length = 0;
  readonly #make: (length: number) => T;

  /** @param values taken over, where the column starts with some */
  constructor(make: (length: number) => T, values?: T) {
    this.#make = make;
    this.#values = values ?? make(16);
    this.#length = values?.length ?? 0;
  }

  get length(): number {
    return this.#length;
  }

  /** The value at an index that must exist. */
  at(index: number): number {
    return this.#values[index]!;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = this.#make(Math.ceil(this.#length * 1.5) + 16);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  /** The values, valid until the next `push`. */
  view(): T {
    return this.#values.subarray(0, this.#length) as T;
  }
}

export const column8 = (): Column<Uint8Array> => new Column((length) => new Uint8Array(length));
export const column16 = (values?: Uint16Array): Column<Uint16Array> =>
  new Column((length) => new Uint16Array(length), values);
export const column32 = (values?: Uint32Array): Column<Uint32Array> =>
  new Column((length) => new Uint32Array(length), values);
