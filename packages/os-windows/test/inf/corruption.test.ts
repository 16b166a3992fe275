import { isVmcraftError } from '@vmcraft/core/errors';
import { describe, expect, it } from 'vitest';
import { InfFile, readInfInstall, readInfModels, readInfVersion, readSourceFiles } from '../../src/inf/index.js';
import { sampleBytes, WIN10_AMD64 } from './samples.js';

const NAMES = ['viostor.inf', 'vioscsi.inf', 'netkvm.inf'];
const ROUNDS = 700;
/** Bytes that mean something to the parser are likelier than others. */
const SIGNIFICANT = [0, 0x22, 0x25, 0x2c, 0x3b, 0x3d, 0x5b, 0x5c, 0x5d, 0x0a, 0x2e, 0xff];

/** A small generator, so that a failure can be repeated by its seed. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function mutate(bytes: Uint8Array, seed: number): Uint8Array {
  const next = random(seed);
  const pick = (n: number): number => Math.floor(next() * n);
  const out = bytes.slice(0, next() < 0.2 ? pick(bytes.length) : bytes.length);
  for (let i = 0; i <= pick(12) && out.length > 0; i++) {
    const at = pick(out.length);
    if (next() < 0.7) out[at] = next() < 0.6 ? SIGNIFICANT[pick(SIGNIFICANT.length)]! : pick(256);
    else out.copyWithin(at, pick(out.length), pick(out.length));
  }
  return out;
}

/** Read everything that an injection reads. */
function readAll(bytes: Uint8Array): void {
  const inf = InfFile.parse(bytes);
  readInfVersion(inf, WIN10_AMD64);
  readSourceFiles(inf, WIN10_AMD64);
  for (const { installSection } of readInfModels(inf, WIN10_AMD64).devices) {
    readInfInstall(inf, installSection, WIN10_AMD64);
  }
}

describe('damaged INFs', () => {
  for (const name of NAMES) {
    it(`end in a value or a typed error: ${name}`, () => {
      const bytes = sampleBytes(name);
      let refused = 0;
      for (let seed = 1; seed <= ROUNDS; seed++) {
        try {
          readAll(mutate(bytes, seed));
        } catch (error) {
          if (!isVmcraftError(error)) throw new Error(`seed ${seed}`, { cause: error });
          refused++;
        }
      }
      expect(refused).toBeGreaterThan(ROUNDS / 50);
    });
  }
});
