import { createHash, randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { BlockDevice } from '@vmcraft/core';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { luksActivator } from '@vmcraft/storage-luks';
import { mutate, PatchedBytes, Random, usedSectors } from './mutate.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';

const HEADER = 0x4000;
const FIXED = 4096;
const CHECKSUM = 448;
const text = (secret: string): Uint8Array => new TextEncoder().encode(secret);
const randomBytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
/** What an image may ask for here; beyond is refused, as with the real limits. */
const activator = luksActivator({ maxIterations: 5000, maxMemory: 1024, maxCost: 2048 });
let turn = 0;

/** Values of every kind that a field of the metadata may have, right or wrong. */
const VALUES = [
  '',
  '0',
  '1',
  '4096',
  '16384',
  '32768',
  '1048576',
  '18446744073709551615',
  '-1',
  'aes-ecb',
  'pbkdf2',
  'dynamic',
  'sha512',
  'AAAA',
  0,
  1,
  -1,
  16,
  512,
  4000,
  4096,
  1e300,
  null,
  true,
  [],
  ['0'],
  {},
];

/** Put another value in the place of one leaf or branch. */
function mutateJson(root: unknown, random: Random): void {
  let at = root as Record<string, unknown>;
  for (;;) {
    const names = Object.keys(at);
    if (names.length === 0) return;
    const name = names[random.below(names.length)] as string;
    const value = at[name];
    if (typeof value === 'object' && value !== null && random.below(12) > 0) {
      at = value as Record<string, unknown>;
      continue;
    }
    if (random.below(4) === 0) delete at[name];
    else at[name] = VALUES[random.below(VALUES.length)];
    return;
  }
}

/** Put the checksum of the header at `offset` right, after its metadata was changed or not. */
function reseal(data: PatchedBytes, offset: number, change: boolean): void {
  const header = data.read(offset, HEADER);
  if (change) {
    const end = header.indexOf(0, FIXED);
    const json = JSON.parse(new TextDecoder().decode(header.subarray(FIXED, end)));
    const random = new Random(turn);
    for (let n = 1 + random.below(2); n > 0; n--) mutateJson(json, random);
    header.fill(0, FIXED);
    header.set(text(JSON.stringify(json)).subarray(0, HEADER - FIXED - 1), FIXED);
  }
  header.fill(0, CHECKSUM, CHECKSUM + 64);
  header.set(createHash('sha256').update(header).digest(), CHECKSUM);
  const sealed = data.sealed;
  data.sealed = false;
  data.write(offset, header);
  data.sealed = sealed;
}

async function use(device: BlockDevice, write: boolean): Promise<void> {
  const member = await activator.probe(device);
  if (member === undefined) return;
  const context = { keys: { keysFor: async () => [text('secret')] }, warn: () => undefined, ciphers: nodeCiphers };
  const [volume] = await activator.activate([{ ...member, deviceName: '/dev/sda' }], context);
  if (volume === undefined) return;
  const { device: plain } = volume;
  await plain.read(0, Math.min(plain.size, 5000));
  if (write && plain.size > 3000) await plain.write(1000, new Uint8Array(2000));
  await plain.close();
  if (!write) return;
  const request = { deviceName: '/dev/sda', key: text('secret'), randomBytes };
  await activator.containers?.addKey?.(device, { ...request, newKey: text('new'), slot: -1 }, context);
  await activator.containers?.killSlot?.(device, { ...request, key: text('new'), slot: 0 }, context);
}

/**
 * Damage that leaves the stripes of keys alone, where one wrong bit means a wrong key and nothing else: of metadata, all of it is done
 * further on.
 */
function damagedHeader(kind: string): PatchedBytes | undefined {
  if (kind === 'metadata') return new PatchedBytes(base);
  return turn % 4 === 0 ? undefined : mutate(base, headerSectors, turn);
}

const base = new Uint8Array(readFileSync(process.argv[2] as string));
const headerSectors = usedSectors(base).filter((at) => at < (base[7] === 1 ? 4096 : 2 * HEADER));

await mutateSample(async (kind, damaged, _format, write) => {
  turn += 1;
  const data = damagedHeader(kind) ?? damaged;
  data.sealed = damaged.sealed;
  if (kind !== 'luks') for (const offset of [0, HEADER]) reseal(data, offset, kind === 'metadata');
  await use(new PatchedDevice(data), write);
});
