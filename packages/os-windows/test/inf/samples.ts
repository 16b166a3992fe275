import { readFileSync } from 'node:fs';
import { InfFile, type InfReadOptions, type InfTarget } from '../../src/inf/index.js';

/** Bytes of a sample INF. */
export function sampleBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../samples/${name}`, import.meta.url)));
}

/** A sample INF, read. */
export function sample(name: string, options: InfReadOptions = {}): InfFile {
  return InfFile.parse(sampleBytes(name), { name, ...options });
}

/** An INF of these lines. */
export function infOf(...lines: string[]): InfFile {
  const text = ['[Version]', 'Signature="$Windows NT$"', ...lines].join('\r\n');
  return InfFile.parse(new TextEncoder().encode(text), { name: 'test.inf' });
}

export const WIN10_AMD64: InfTarget = { architecture: 'amd64', major: 10, minor: 0, build: 19045, productType: 1 };
export const WIN10_X86: InfTarget = { ...WIN10_AMD64, architecture: 'x86' };
export const WIN7_AMD64: InfTarget = { ...WIN10_AMD64, major: 6, minor: 1, build: 7601 };
