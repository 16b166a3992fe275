import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pattern, requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { BOOT_NEEDS, bootUntil } from './boot.js';
import { GUEST_NEEDS, guestAs, overlayOn } from './guest-image.js';

const MINUTE = 60_000;
const BIG = 300 * 1024 * 1024;
const SMALL_FILES = 10_000;

/** A host file of {@link BIG} bytes, and its sha256. */
function bigFile(path: string): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'w');
  for (let i = 0; i < BIG / (1 << 20); i++) {
    const chunk = pattern(1 << 20, i + 1);
    writeSync(fd, chunk);
    hash.update(chunk);
  }
  closeSync(fd);
  return hash.digest('hex');
}

/** What the issue of this test asks for: settings, keys, one large file, many small ones, deletes, renames, on both file systems. */
async function edit(g: GuestFS, big: string): Promise<void> {
  await g.mountRoot();
  await g.write('/etc/hostname', 'edited-guest\n');
  await g.write('/etc/issue', 'VMCRAFT-WAS-HERE \\n \\l\n');
  await g.write('/root/.ssh/authorized_keys', 'ssh-ed25519 AAAAC3Nza test@example\n');
  await g.chmod(0o600, '/root/.ssh/authorized_keys');
  await g.upload(big, '/var/tmp/big.bin');
  await g.mkdirP('/srv/small/files');
  for (let i = 0; i < SMALL_FILES; i++) await g.write(`/srv/small/files/f${i}`, `file ${i}\n`);
  await g.rmRf('/srv/zoo/many');
  await g.rm('/srv/zoo/hard2');
  for (let i = 0; i < SMALL_FILES; i += 4) await g.rm(`/srv/small/files/f${i}`);
  await g.rename('/srv/small/files', '/srv/small/renamed');
  for (let i = 1; i < 400; i += 4) await g.mv(`/srv/small/renamed/f${i}`, `/srv/moved${i}`);
  await g.lnS('../etc/hostname', '/srv/link');
  await g.mkdirP('/boot/efi/EFI/vmcraft');
  await g.write('/boot/efi/EFI/vmcraft/A long name on the ESP.txt', 'esp\n');
}

/** All checkers on the finished image. */
function judge(image: string, format: string, folder: string): void {
  if (format !== 'raw') execFileSync('qemu-img', ['check', '-q', '-f', format, image]);
  const raw = join(folder, 'judged.raw');
  execFileSync('qemu-img', ['convert', '-f', format, '-O', 'raw', image, raw]);
  const start = (n: number): number =>
    Number(/First sector: (\d+)/.exec(execFileSync('sgdisk', ['-i', String(n), raw], { encoding: 'utf8' }))?.[1]);
  execFileSync('e2fsck', ['-fn', `${raw}?offset=${start(3) * 512}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  const esp = join(folder, 'esp');
  execFileSync('dd', [
    `if=${raw}`,
    `of=${esp}`,
    'bs=512',
    `skip=${start(2)}`,
    `count=${start(3) - start(2)}`,
    'status=none',
  ]);
  execFileSync('fsck.fat', ['-n', esp], { stdio: ['ignore', 'ignore', 'inherit'] });
  expect(execFileSync('mtype', ['-i', esp, '::/EFI/vmcraft/A long name on the ESP.txt'], { encoding: 'utf8' })).toBe(
    'esp\n',
  );
  const debugfs = (command: string): string =>
    execFileSync('debugfs', ['-R', command, `${raw}?offset=${start(3) * 512}`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 30,
    });
  expect(debugfs('cat /etc/hostname')).toBe('edited-guest\n');
  expect(debugfs('cat /srv/small/renamed/f4001')).toBe('file 4001\n');
  expect(debugfs('cat /srv/moved21')).toBe('file 21\n');
  expect(debugfs('stat /srv/zoo/many')).toBe('');
  debugfs(`dump /var/tmp/big.bin ${join(folder, 'big.out')}`);
  rmSync(raw);
}

describe.runIf(requireTools(...GUEST_NEEDS, ...BOOT_NEEDS))('a Debian guest that was edited', () => {
  let folder: string;
  let big: string;
  let hash: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    big = join(folder, 'big.bin');
    hash = bigFile(big);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const images: Record<string, { format: string; firmware: 'bios' | 'efi'; make: (f: string) => Promise<string> }> = {
    raw: { format: 'raw', firmware: 'bios', make: (f) => guestAs('raw', f) },
    qcow2: { format: 'qcow2', firmware: 'efi', make: (f) => guestAs('qcow2', f) },
    'compressed qcow2': { format: 'qcow2', firmware: 'bios', make: (f) => guestAs('qcow2, compressed', f) },
    'qcow2 on a backing file': {
      format: 'qcow2',
      firmware: 'bios',
      make: async (f) => overlayOn(await guestAs('raw', f), f),
    },
  };

  for (const [name, { format, firmware, make }] of Object.entries(images)) {
    it(
      `${name}: checkers are content, and it boots (${firmware}) with the edits in effect`,
      async () => {
        const own = mkdtempSync(join(folder, 'image-'));
        const image = await make(own);
        await GuestFS.with(image, (g) => edit(g, big), { format });
        judge(image, format, own);
        expect(
          createHash('sha256')
            .update(readFileSync(join(own, 'big.out')))
            .digest('hex'),
        ).toBe(hash);
        const boot = await bootUntil(image, format, /edited-guest login:/, { firmware });
        expect(boot.reached, boot.console.slice(-2000)).toBe(true);
        expect(boot.console).toContain('VMCRAFT-WAS-HERE');
        rmSync(own, { recursive: true });
      },
      15 * MINUTE,
    );
  }
});
