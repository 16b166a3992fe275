import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../src/block/index.js';
import { isVmcraftError } from '../../src/errors/index.js';
import { initPartitionTable, openTableEditor, readPartitionTable } from '../../src/partition/index.js';
import { probeSignatures, StorageTree } from '../../src/storage/index.js';

const MIB = 2 ** 20;
/** Kept, so that a failure is the same failure everywhere. */
const SEED = 0x564d43;
/** Bytes of each image that carry structures: the start, where EBRs and labels are too, and the backup GPT. */
const HEAD = 128 * 1024;

async function mbrImage(): Promise<Uint8Array> {
  const device = new MemoryDevice(2 * MIB);
  const editor = await initPartitionTable(device, 'mbr');
  editor.add({ start: 8, end: 20 });
  editor.add({ start: 21, end: 250, ...{ kind: 'extended' } });
  for (let i = 0; i < 5; i++) editor.add({ start: 22 + i * 10, end: 28 + i * 10, ...{ kind: 'logical' } });
  await editor.write();
  return (await device.read(0, device.size)).slice();
}

async function gptImage(sectorSize: 512 | 4096): Promise<Uint8Array> {
  const device = new MemoryDevice(2 * MIB, { sectorSize });
  const editor = await initPartitionTable(device, 'gpt');
  editor.add({ start: 40, end: 60 });
  editor.add({ start: 61, end: 100 });
  await editor.write();
  return (await device.read(0, device.size)).slice();
}

/** Labels by hand: a Sun label, an Apple map and a BSD slice with valid magics, so that mutations get past the door. */
function foreignImages(): Uint8Array[] {
  const sun = new Uint8Array(MIB);
  const v = new DataView(sun.buffer);
  v.setUint16(436, 16);
  v.setUint16(438, 63);
  v.setUint32(448, 500);
  v.setUint16(508, 0xdabe);
  let sum = 0;
  for (let i = 0; i < 510; i += 2) sum ^= v.getUint16(i);
  v.setUint16(510, sum);
  const apm = new Uint8Array(MIB);
  const a = new DataView(apm.buffer);
  a.setUint32(0, 0x45520200);
  for (let i = 1; i < 4; i++) {
    a.setUint16(i * 512, 0x504d);
    a.setUint32(i * 512 + 4, 3);
    a.setUint32(i * 512 + 12, 10);
  }
  const bsd = new Uint8Array(MIB);
  const b = new DataView(bsd.buffer);
  for (const at of [512, 512 + 132]) b.setUint32(at, 0x82564557, true);
  b.setUint16(512 + 138, 8, true);
  b.setUint32(512 + 148, 100, true);
  bsd[512 + 148 + 12] = 7;
  return [sun, apm, bsd];
}

let images: Uint8Array[];
beforeAll(async () => {
  images = [await mbrImage(), await gptImage(512), await gptImage(4096), ...foreignImages()];
});

interface Mutation {
  readonly image: number;
  readonly edits: readonly (readonly [place: number, value: number])[];
  readonly keep: number;
  readonly sectorSize: 512 | 4096;
}

/** Bits are flipped mostly where tables are dense, and now and then the image ends early. */
const place = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 440, max: 1200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: HEAD }) },
  { weight: 1, arbitrary: fc.integer({ min: -33 * 512, max: -1 }) },
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  image: fc.integer({ min: 0, max: 5 }),
  edits: fc.array(
    fc.tuple(place, fc.oneof(fc.constantFrom(0, 1, 5, 0x80, 0xee, 0xff), fc.integer({ min: 0, max: 255 }))),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  keep: fc.oneof(
    { weight: 4, arbitrary: fc.constant(1) },
    { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
  ),
  sectorSize: fc.constantFrom<512 | 4096>(512, 4096),
});

function mutate(m: Mutation): MemoryDevice {
  const data = images[m.image]!.slice();
  for (const [at, value] of m.edits) data[(at + data.length) % data.length] = value;
  return MemoryDevice.from(data.subarray(0, Math.floor(data.length * m.keep)), { sectorSize: m.sectorSize });
}

/** A value or an error of ours. */
async function survives(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    expect(isVmcraftError(error), String(error)).toBe(true);
  }
}

describe('mutated tables give a value or a VmcraftError', () => {
  it('reading, editing and discovering', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(mutation, async (m) => {
        const device = mutate(m);
        await survives(async () => {
          const table = await readPartitionTable(device);
          expect(table?.partitions.length ?? 0).toBeLessThanOrEqual(300);
          for (const p of table?.partitions ?? []) expect(Number.isSafeInteger(p.start + p.size)).toBe(true);
        });
        await survives(() => StorageTree.discover([{ device }]));
        await survives(async () => {
          const editor = await openTableEditor(device);
          for (const n of editor.numbers) editor.resize(n, -1 - n);
          await editor.write();
        });
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('probing random superblocks behind every magic', { timeout: 60_000 }, async () => {
    const { SIGNATURES } = await import('../../src/storage/signatures/probe.js');
    const size = 5 * MIB;
    const magics = SIGNATURES.flatMap((s) => s.magics);
    await fc.assert(
      fc.asyncProperty(fc.nat(magics.length - 1), fc.integer(), fc.boolean(), async (pick, salt, sparse) => {
        const magic = magics[pick]!;
        const at = typeof magic.at === 'number' ? magic.at : magic.at(size)!;
        const device = new MemoryDevice(size);
        const noise = new Uint8Array(8192);
        let x = salt | 1;
        for (let i = 0; i < noise.length; i++) {
          x = (Math.imul(x, 1103515245) + 12345) | 0;
          noise[i] = sparse && x % 3 !== 0 ? 0 : x >>> 16;
        }
        const start = Math.max(0, Math.min(at + (magic.base ?? 0), size - noise.length));
        await device.write(start, noise);
        await device.write(at, magic.bytes);
        await survives(() => probeSignatures(device));
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});
