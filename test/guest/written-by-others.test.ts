import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rejectsWith, requireTools } from '@vmcraft/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';

const sample = join(dirname(fileURLToPath(import.meta.url)), '../../examples/sample-guest/debian.qcow2');
const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function imageAs(format: string): string {
  const path = join(mkdtempSync(join(folder, 'image-')), `disk.${format}`);
  execFileSync('qemu-img', ['convert', '-O', format, sample, path]);
  return path;
}

/** /etc/hostname of an image, by qemu-img and debugfs. */
function hostname(image: string, format: string): string {
  const raw = `${image}.raw`;
  execFileSync('qemu-img', ['convert', '-U', '-f', format, '-O', 'raw', image, raw]);
  const start =
    Number(/First sector: (\d+)/.exec(execFileSync('sgdisk', ['-i', '2', raw], { encoding: 'utf8' }))?.[1]) * 512;
  execFileSync('e2fsck', ['-fn', `${raw}?offset=${start}`], { stdio: 'ignore' });
  const text = execFileSync('debugfs', ['-R', 'cat /etc/hostname', `${raw}?offset=${start}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  rmSync(raw);
  return text;
}

const hash = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.runIf(requireTools('qemu-nbd', 'qemu-img', 'sgdisk', 'debugfs', 'e2fsck'))(
  'images that qemu-nbd writes',
  () => {
    for (const format of ['vmdk', 'vhdx', 'vdi']) {
      it(`${format}: a commit reaches the image, a rollback and a dry run do not`, async () => {
        const image = imageAs(format);
        const before = hash(image);
        const failing = GuestFS.with(image, async (g) => {
          await g.mountRoot();
          await g.write('/etc/hostname', 'rolled-back\n');
          throw new Error('on purpose');
        });
        await expect(failing).rejects.toThrow('on purpose');
        const edit = async (g: GuestFS): Promise<void> => {
          await g.mountRoot();
          await g.write('/etc/hostname', `written-${format}\n`);
          expect(await g.read('/etc/hostname')).toBe(`written-${format}\n`);
        };
        await GuestFS.with(image, edit, { dryRun: true });
        expect(hash(image)).toBe(before);
        await GuestFS.with(image, edit);
        expect(hostname(image, format)).toBe(`written-${format}\n`);
        expect(readdirSync(dirname(image))).toEqual([`disk.${format}`]);
      });
    }

    it('an NBD export is written at the commit, and not when rolled back', async () => {
      const image = imageAs('raw');
      const socket = join(dirname(image), 'socket');
      const server = spawn('qemu-nbd', ['-t', '-k', socket, '-f', 'raw', image], { stdio: 'ignore' });
      try {
        for (let i = 0; i < 100 && !existsSync(socket); i++) await new Promise((resolve) => setTimeout(resolve, 50));
        const uri = `nbd+unix:///?socket=${encodeURIComponent(socket)}`;
        await rejectsWith(() =>
          GuestFS.with(uri, async (g) => {
            await g.mountRoot();
            await g.write('/etc/hostname', 'rolled-back\n');
            await g.rm('/no/such/file');
          }),
        );
        await GuestFS.with(uri, async (g) => void (await g.mountRoot().then(() => g.write('/etc/hostname', 'dry\n'))), {
          dryRun: true,
        });
        expect(hostname(image, 'raw')).toBe('sample\n');
        await GuestFS.with(
          uri,
          async (g) => void (await g.mountRoot().then(() => g.write('/etc/hostname', 'remote\n'))),
        );
        expect(hostname(image, 'raw')).toBe('remote\n');
      } finally {
        server.kill();
      }
    });
  },
);
