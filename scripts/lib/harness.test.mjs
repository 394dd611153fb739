import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UsageError } from './command-line.mjs';
import { chromiumArguments, locateModel, warnOfSoftware } from './harness.mjs';

describe('harness', () => {
  it('gives Chromium WebGPU flags only where WebGPU may be used', () => {
    const flagsFor = (options) => chromiumArguments(options, {}).join(' ');
    expect(flagsFor({ device: 'wasm' })).not.toContain('webgpu');
    expect(flagsFor({ device: 'webgpu', software: true })).toContain('--use-webgpu-adapter=swiftshader');
    expect(flagsFor({ device: 'webgpu' })).toContain('--enable-unsafe-webgpu');
    expect(flagsFor({ device: 'webgpu' })).not.toContain('swiftshader');
  });

  it("adds the environment's flags and the command line's, in that order", () => {
    const list = chromiumArguments({ device: 'wasm', extra: '--b --c' }, { GMSA_CHROMIUM_ARGS: ' --a ' });
    expect(list.slice(-3)).toEqual(['--a', '--b', '--c']);
  });

  it('finds a model by folder, by name, and leaves a URL alone', () => {
    const models = mkdtempSync(join(tmpdir(), 'models-'));
    try {
      mkdirSync(join(models, 'tiny'));
      writeFileSync(join(models, 'tiny/config.json'), '{}');
      const found = { folder: join(models, 'tiny') };
      expect(locateModel(join(models, 'tiny'), models)).toEqual(found);
      expect(locateModel('tiny', models)).toEqual(found);
      expect(locateModel('models/tiny', models)).toEqual(found);
      expect(() => locateModel('none', models)).toThrow(UsageError);
      expect(locateModel('https://example.org/m/', models)).toEqual({ url: 'https://example.org/m/' });
    } finally {
      rmSync(models, { recursive: true });
    }
  });

  it('warns of a software adapter unless it was asked for', () => {
    const lines = [];
    const original = console.error;
    console.error = (line) => lines.push(line);
    try {
      const adapter = { vendor: 'google', architecture: 'swiftshader', description: '' };
      warnOfSoftware({ device: 'webgpu', adapter }, { software: true });
      warnOfSoftware({ device: 'wasm' }, {});
      expect(lines).toEqual([]);
      warnOfSoftware({ device: 'webgpu', adapter }, {});
      expect(lines).toHaveLength(1);
    } finally {
      console.error = original;
    }
  });
});
