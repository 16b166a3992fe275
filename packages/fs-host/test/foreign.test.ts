// A guest for another processor: run by qemu's emulator where that is installed, else refused with the reason.
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from '../../vmcraft/src/index.js';
import { OrdinaryUser, USER_NEEDS } from './ordinary-user.js';
import { makeImage, ROOT_NEEDS, type TestImage, traces } from './support.js';

const MACHINE_AARCH64 = 183;
/**
 * A program of AArch64: without arguments it writes `arm64`, with some it executes the first with the rest. Assembled from: ldr x0,[sp]; mov x3,sp;
 * ldr x4,[sp,#16]; cbz x4,1f; add x2,x3,x0,lsl #3; add x2,x2,#16; mov x0,x4; add x1,x3,#16; mov x8,#221; svc #0; mov x0,#9; b 2f;
 * 1: mov x0,#1; adr x1,3f; mov x2,#6; mov x8,#64; svc #0; mov x0,#0; 2: mov x8,#93; svc #0; 3: .ascii "arm64\n\0\0"
 */
const CODE =
  'e00340f9e3030091e40b40f9240100b4620c008b42400091e00304aa61400091a81b80d2010000d4200180d207000014' +
  '200080d2e1000010c20080d2080880d2010000d4000080d2a80b80d2010000d461726d36340a0000';
const HEADERS = 64 + 56;
const BASE = 0x10000;

/** The program in a file of ELF: a header, and one segment of everything (System V ABI, "Object Files"). */
function arm64Program(): Buffer {
  const code = Buffer.from(CODE, 'hex');
  const file = Buffer.alloc(HEADERS + code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(MACHINE_AARCH64, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + HEADERS), 24);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(5, 68);
  for (const [at, value] of [
    [80, BASE],
    [88, BASE],
    [96, file.length],
    [104, file.length],
    [112, 0x10000],
  ] as const)
    file.writeBigUInt64LE(BigInt(value), at);
  code.copy(file, HEADERS);
  return file;
}

async function foreignGuest(): Promise<TestImage> {
  const root = await mkdtemp(join(tmpdir(), 'vmcraft-fs-host-root-'));
  for (const folder of ['bin', 'etc', 'dev', 'proc', 'sys', 'tmp']) await mkdir(join(root, folder));
  for (const name of ['sh', 'arm']) {
    await writeFile(join(root, 'bin', name), arm64Program());
    await chmod(join(root, 'bin', name), 0o755);
  }
  const image = await makeImage('ext4', 16, '-d', root);
  await rm(root, { recursive: true });
  return image;
}

describe.runIf(requireTools(...ROOT_NEEDS, ...USER_NEEDS, 'qemu-aarch64-static'))(
  'a guest for another processor',
  () => {
    let image: TestImage;
    let user: OrdinaryUser;

    beforeAll(async () => {
      image = await foreignGuest();
      user = await OrdinaryUser.create();
      await copyFile(image.path, user.at('disk.raw'));
      await user.give('disk.raw');
    });

    afterAll(async () => {
      await image.check();
      await image.dispose();
      await user.dispose();
    });

    it('runs by an emulator, and so does what its programs execute; the host knows no more formats than before', async () => {
      const formats = () => readdir('/proc/sys/fs/binfmt_misc');
      const before = await formats();
      const g = await GuestFS.open(image.path, { format: 'raw' });
      await g.mount('/dev/sda', '/');
      expect(await g.command(['/bin/arm'])).toBe('arm64\n');
      expect(await g.command(['arm', '/bin/sh', '/bin/arm', '/bin/arm'])).toBe('arm64\n');
      const missing = await g.session.commands.run(['arm', '/bin/nothing']);
      expect(missing.status).toBe(9);
      await g.close();
      expect(await formats()).toEqual(before);
      expect(() => execFileSync(join(user.folder, 'arm'), { stdio: 'ignore' })).toThrow();
      expect(await traces()).toEqual([]);
    });

    const words = ['--image-format', 'raw', '-m', '/dev/sda', '--', 'arm', '/bin/arm'];

    it('without root, too', async () => {
      const { stdout, stderr, pid } = await user.vmcraft(['run', user.at('disk.raw'), ...words]);
      expect(stdout, stderr).toBe('arm64\n');
      expect(await traces(pid)).toEqual([]);
    });

    it('without the emulator it is refused, with the reason and what to do', async () => {
      const without = ['/usr/lib/binfmt.d/qemu-aarch64.conf'];
      const { status, stderr } = await user.vmcraft(['run', user.at('disk.raw'), ...words], { without });
      expect(status).not.toBe(0);
      expect(stderr).toMatch(/its programs are for aarch64, this host is x64 \(install qemu-user-static/);
    });
  },
);
