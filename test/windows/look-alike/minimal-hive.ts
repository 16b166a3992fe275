import { filetime } from './reg-text.js';

/** Where cells begin: after the base block. */
const BASE = 4096;
const BIN = 4096;

/**
 * A hive with an empty root key, for hivexregedit to fill. Written down from the published descriptions of the format, without any
 * code that VMCraft uses for hives.
 */
export function minimalHive(fileName: string): Uint8Array {
  const hive = Buffer.alloc(BASE + BIN);
  const now = filetime(1_600_000_000);
  hive.write('regf', 0, 'latin1');
  hive.writeUInt32LE(1, 4);
  hive.writeUInt32LE(1, 8);
  hive.writeBigUInt64LE(now, 12);
  hive.writeUInt32LE(1, 20);
  hive.writeUInt32LE(5, 24);
  hive.writeUInt32LE(1, 32);
  hive.writeUInt32LE(0x20, 36);
  hive.writeUInt32LE(BIN, 40);
  hive.writeUInt32LE(1, 44);
  hive.write(fileName.slice(-31), 48, 'utf16le');
  let checksum = 0;
  for (let at = 0; at < 508; at += 4) checksum ^= hive.readUInt32LE(at);
  hive.writeUInt32LE(checksum >>> 0, 508);
  const bin = hive.subarray(BASE);
  bin.write('hbin', 0, 'latin1');
  bin.writeUInt32LE(BIN, 8);
  bin.writeBigUInt64LE(now, 20);
  writeRootKey(bin, now);
  writeSecurity(bin);
  bin.writeInt32LE(BIN - 0x120, 0x120);
  return new Uint8Array(hive);
}

/** The key cell at 0x20, with its security cell at 0x80. */
function writeRootKey(bin: Buffer, now: bigint): void {
  const at = 0x20;
  bin.writeInt32LE(-0x60, at);
  bin.write('nk', at + 4, 'latin1');
  bin.writeUInt16LE(0x2c, at + 6);
  bin.writeBigUInt64LE(now, at + 8);
  for (const offset of [0x14, 0x20, 0x24, 0x2c, 0x34]) bin.writeUInt32LE(0xffffffff, at + offset);
  bin.writeUInt32LE(0x80, at + 0x30);
  bin.writeUInt32LE(0xffffffff, at + 0x14);
  const name = 'ROOT';
  bin.writeUInt16LE(name.length, at + 0x4c);
  bin.write(name, at + 0x50, 'latin1');
}

/** A self-relative descriptor: owner and group Administrators, full control for them and the system. */
function writeSecurity(bin: Buffer): void {
  const at = 0x80;
  const administrators = [1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0];
  const system = [1, 1, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0];
  const ace = (sid: number[]): number[] => [0, 2, 8 + sid.length, 0, 0x3f, 0, 0x0f, 0, ...sid];
  const aces = [...ace(administrators), ...ace(system)];
  const acl = [2, 0, 8 + aces.length, 0, 2, 0, 0, 0, ...aces];
  const offsets = [20, 36, 0, 52].flatMap((n) => [n, 0, 0, 0]);
  const descriptor = [1, 0, 4, 0x80, ...offsets, ...administrators, ...administrators, ...acl];
  bin.writeInt32LE(-0xa0, at);
  bin.write('sk', at + 4, 'latin1');
  bin.writeUInt32LE(0x80, at + 8);
  bin.writeUInt32LE(0x80, at + 12);
  bin.writeUInt32LE(1, at + 16);
  bin.writeUInt32LE(descriptor.length, at + 20);
  Buffer.from(descriptor).copy(bin, at + 24);
}
