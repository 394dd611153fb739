// What the pages read from their address: ?model=…&device=…&dtype=…
const DEFAULT_MODEL = 'models/gmsa-smollm2-135m/';

export function parameter(name: string): string | undefined {
  return new URLSearchParams(location.search).get(name) || undefined;
}

/** A value from a fixed set, or the first of the set. */
export function choice<const T extends string>(name: string, allowed: readonly [T, ...T[]]): T {
  const value = parameter(name);
  return allowed.find((candidate) => candidate === value) ?? allowed[0];
}

/** The model folder, relative to the page or absolute; it ends with a slash. */
export function modelUrl(): string {
  const model = parameter('model') ?? DEFAULT_MODEL;
  return model.endsWith('/') ? model : `${model}/`;
}
