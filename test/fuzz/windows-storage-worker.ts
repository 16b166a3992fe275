import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { BlockDevice, StorageActivator } from '@vmcraft/core';
import { nodeCiphers } from '@vmcraft/core/runtime';
import { bitlockerActivator } from '@vmcraft/storage-bitlocker';
import { ldmActivator } from '@vmcraft/storage-ldm';
import { mutate, type PatchedBytes, usedSectors } from './mutate.js';
import { mutateSample } from './mutation-loop.js';
import { PatchedDevice } from './patched.js';

/** Copies of BitLocker's metadata, and the sectors of each that are damaged. */
const COPIES = [0x40000, 0x80000, 0xc0000];
const COPY_BYTES = 1024;
/** What tells of encryption on write: its two copies, and the bitmaps. */
const EOW = [0x50000, 0x58000, 0x90000, 0xa0000];
const EOW_BYTES = 4096;
/** The database of a dynamic disk. */
const DATABASE = 6144 * 512;

const base = new Uint8Array(readFileSync(process.argv[2] as string));
const isBitlocker = process.argv[3] === 'bitlocker';
const isEow = base.subarray(160, 164).every((byte, i) => byte === [0x3b, 0x4d, 0xa8, 0x92][i]);
const isMetadata = (at: number): boolean =>
  isBitlocker
    ? at === 0 ||
      (at >= COPIES[0]! && at < COPIES[0]! + COPY_BYTES) ||
      (isEow && EOW.some((start) => at >= start && at < start + EOW_BYTES))
    : at < 4096 || at >= DATABASE;
const sectors = usedSectors(base).filter(isMetadata);
let turn = 0;

async function use(activator: StorageActivator, device: BlockDevice, write: boolean): Promise<void> {
  const member = await activator.probe(device);
  if (member === undefined) return;
  const context = { keys: { keysFor: async () => [] }, warn: () => undefined, ciphers: nodeCiphers };
  for (const { device: volume } of await activator.activate([{ ...member, deviceName: '/dev/sda' }], context)) {
    await volume.read(0, Math.min(volume.size, 5000));
    if (write && volume.writable && volume.size > 3000) await volume.write(1000, new Uint8Array(2000));
    await volume.close();
  }
}

/** Put the damage of the first copy into all, and the checksum right, so that what is behind it is reached. */
function reseal(data: PatchedBytes): void {
  const copy = data.read(COPIES[0]!, COPY_BYTES).slice();
  const block = Buffer.from(copy.buffer);
  const size = block.readUInt16LE(8) * (block.readUInt16LE(10) === 1 ? 1 : 16);
  if (size + 8 <= copy.length) block.writeUInt32LE(crc32(copy.subarray(0, size)), size + 4);
  const { sealed } = data;
  data.sealed = false;
  for (const at of COPIES) data.write(at, copy);
  data.sealed = sealed;
}

/** The same for what tells of encryption on write; sizes are taken as they are found, damaged ones too. */
function resealEow(data: PatchedBytes): void {
  const { sealed } = data;
  data.sealed = false;
  const seal = (block: Buffer, start: number, end: number, field: number): void => {
    if (end > block.length || start + field + 4 > end) return;
    block.writeUInt32LE(0, start + field);
    block.writeUInt32LE(crc32(block.subarray(start, end)), start + field);
  };
  for (const at of EOW) {
    const block = Buffer.from(data.read(at, EOW_BYTES));
    if (at < EOW[2]!) seal(block, 0, block.readUInt16LE(10), 36);
    else {
      for (const record of [44, 48].map((field) => block.readUInt32LE(field))) {
        if (record + 16 <= block.length) seal(block, record, record + block.readUInt32LE(record + 12), 32);
      }
      seal(block, 0, block.readUInt32LE(44), 56);
    }
    data.write(at, block);
  }
  data.sealed = sealed;
}

await mutateSample(async (_kind, anywhere, _format, write) => {
  turn += 1;
  const data = turn % 4 === 0 ? anywhere : mutate(base, sectors, turn);
  data.sealed = anywhere.sealed;
  if (isBitlocker && turn % 8 !== 1) reseal(data);
  if (isEow && turn % 8 !== 1) resealEow(data);
  await use(isBitlocker ? bitlockerActivator : ldmActivator, new PatchedDevice(data), write);
});
