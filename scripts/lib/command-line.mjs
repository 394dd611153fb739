// Command lines of the scripts: flags, help, exit codes (0 done, 1 failed, 2 called wrongly).
import { basename } from 'node:path';
import { parseArgs } from 'node:util';

/** Called wrongly: the message says how, the exit code is 2. */
export class UsageError extends Error {
  name = 'UsageError';
}

/**
 * @typedef {{ type: 'string' | 'boolean', short?: string, value?: string, help: string,
 *   required?: boolean, default?: string | boolean, parse?: (value: string, flag: string) => unknown }} Flag
 */

/** Flags of every script that drives the browser. */
export const browserFlags = {
  device: {
    type: 'string',
    value: 'wasm|webgpu|auto',
    default: 'wasm',
    parse: oneOf('wasm', 'webgpu', 'auto'),
    help: 'where the graphs run',
  },
  dtype: {
    type: 'string',
    value: 'auto|q4f16|q4|fp32',
    default: 'auto',
    parse: oneOf('auto', 'q4f16', 'q4', 'fp32'),
    help: 'which graphs',
  },
  model: {
    type: 'string',
    value: 'folder|name|URL',
    default: 'gmsa-smollm2-135m',
    help: 'model folder, or its name inside --models',
  },
  models: { type: 'string', value: 'folder', help: "folder of model folders (the repository's models)" },
  pages: {
    type: 'string',
    value: 'folder',
    help: 'built pages (npm run build:pages) instead of building them when they are out of date',
  },
  software: { type: 'boolean', help: 'WebGPU on SwiftShader, for a machine without a GPU' },
  isolated: { type: 'boolean', help: 'serve cross-origin isolated (wasm threads)' },
  'chromium-args': {
    type: 'string',
    value: '"--a --b"',
    help: 'more flags for Chromium (also GMSA_CHROMIUM_ARGS)',
  },
  verbose: { type: 'boolean', help: "print the page's console" },
};

export function oneOf(...allowed) {
  return (value, flag) => {
    if (!allowed.includes(value))
      throw new UsageError(`--${flag} ${value}: expected one of ${allowed.join(', ')}`);
    return value;
  };
}

export function positiveInteger(value, flag) {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new UsageError(`--${flag} ${value}: expected a positive integer`);
  return Number(value);
}

/** "auto", "off", or a number of tokens, as `ask` takes them */
export function quoteBudget(value, flag) {
  if (value === 'auto') return value;
  return value === 'off' ? false : positiveInteger(value, flag);
}

export const quotesFlag = {
  type: 'string',
  value: 'auto|off|n',
  parse: quoteBudget,
  help: 'what is quoted from the text beside its soft tokens: as the model is made for (default), nothing, at most n tokens',
};

/** "512,2048" */
export function positiveIntegers(value, flag) {
  return value.split(',').map((part) => positiveInteger(part.trim(), flag));
}

/**
 * @param {readonly string[]} argv without node and script
 * @param {Record<string, Flag>} flags
 * @returns {Record<string, any>} values by flag name; `help: true` if asked for, and then nothing else is checked
 */
export function parseFlags(argv, flags) {
  const options = { help: { type: 'boolean', short: 'h' } };
  for (const [name, { type, short }] of Object.entries(flags))
    options[name] = short ? { type, short } : { type };
  let values;
  try {
    ({ values } = parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }));
  } catch (cause) {
    throw new UsageError(cause.message, { cause });
  }
  if (values.help) return { help: true };
  const result = {};
  for (const [name, flag] of Object.entries(flags)) {
    const value = values[name] ?? flag.default;
    if (value === undefined) {
      if (flag.required) throw new UsageError(`--${name} is missing`);
      continue;
    }
    result[name] = flag.parse && typeof value === 'string' ? flag.parse(value, name) : value;
  }
  return result;
}

export function helpText(usage, flags) {
  const rows = Object.entries({ ...flags, help: { type: 'boolean', short: 'h', help: 'this text' } }).map(
    ([name, { short, value, help, required, default: preset }]) => [
      `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`,
      `${help}${required ? ' (required)' : ''}${preset === undefined ? '' : ` (default ${preset})`}`,
    ],
  );
  const width = Math.max(...rows.map(([left]) => left.length));
  return `${usage.trim()}\n\n${rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')}\n`;
}

/** Runs a script's main function with its flags and sets the exit code. */
export async function runScript({ usage, flags }, main) {
  try {
    const values = parseFlags(process.argv.slice(2), flags);
    if (values.help) process.stdout.write(helpText(usage, flags));
    else await main(values);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}\nSee: node ${basename(process.argv[1])} --help`);
      process.exitCode = 2;
    } else {
      console.error(
        error?.fix ? `${error.code}: ${error.message}\n${error.fix}` : (error?.stack ?? String(error)),
      );
      process.exitCode = 1;
    }
  }
}
