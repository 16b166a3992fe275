import { randomFillSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice } from '@vmcraft/core';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { luksActivator } from '@vmcraft/storage-luks';
import type { Sample } from './fuzz-group.js';

const MIB = 1 << 20;
/** Derivations that cost next to nothing: what is tested is not their work. */
const CHEAP = { digestIterations: 1000, keyBits: 128, hash: 'sha1' };
const PBKDF2 = { ...CHEAP, pbkdf: 'pbkdf2', iterations: 1000 };
const ARGON2 = { ...CHEAP, pbkdf: 'argon2id', iterations: 1, memory: 64, cpus: 1 };

const KINDS = [
  ['luks1', 1, 'luks', PBKDF2, 2],
  ['luks2-pbkdf2', 2, 'luks', PBKDF2, 1],
  ['luks2-argon2', 2, 'luks', ARGON2, 1],
  ['luks2-resealed', 2, 'resealed', PBKDF2, 1],
  ['luks2-metadata', 2, 'metadata', ARGON2, 5],
] as const;

/** Make all samples below `folder`. */
export async function makeLuksCorpus(folder: string): Promise<Sample[]> {
  const tools = luksActivator().containers!;
  const context = { keys: { keysFor: async () => [] }, warn: () => undefined, ciphers: nodeCiphers };
  const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
  const samples: Sample[] = [];
  for (const [name, version, kind, extra, weight] of KINDS) {
    const device = new MemoryDevice(MIB + 65_536);
    const key = new TextEncoder().encode('secret');
    const request = { key, randomBytes, version, extra, cipher: 'aes-cbc-essiv:sha256' };
    await tools.format?.(device, { ...request, slot: 0 }, context);
    const path = join(folder, name);
    writeFileSync(path, await device.read(0, device.size));
    samples.push({ name, kind, format: 'raw', path, weight });
  }
  return samples;
}
