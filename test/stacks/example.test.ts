import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireTools } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const EXAMPLE = join(import.meta.dirname, '../../examples/encrypted-raid.ts');
const run = promisify(execFile);

describe.runIf(requireTools('qemu-img', 'mdadm', 'cryptsetup'))('examples/encrypted-raid.ts', () => {
  it('makes a stack whose layers mdadm and cryptsetup know', { timeout: 180_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-example-'));
    try {
      const program = join(folder, 'example.mjs');
      await build({
        entryPoints: [EXAMPLE],
        outfile: program,
        bundle: true,
        platform: 'node',
        format: 'esm',
        target: 'node20',
        conditions: ['@vmcraft/source'],
        nodePaths: [join(import.meta.dirname, '../node_modules')],
        banner: {
          js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
        },
        logLevel: 'error',
      });
      const disks = ['1.qcow2', '2.qcow2'].map((name) => join(folder, name));
      for (const disk of disks) execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', disk, '160M']);
      const env = { ...process.env, PASSPHRASE: 'correct horse' };
      const { stdout } = await run(process.execPath, [program, ...disks], { env });
      const lines = stdout.trim().split('\n');
      expect(lines.at(-1)).toBe('server');
      expect(lines).toEqual(expect.arrayContaining(['/dev/server/home ext4', '/dev/server/root ext4']));
      expect(lines).toContainEqual(expect.stringMatching(/^\/dev\/md\d+ crypto_LUKS$/));
      const raw = join(folder, 'member.raw');
      execFileSync('qemu-img', ['convert', '-O', 'raw', disks[0]!, raw]);
      execFileSync('dd', [`if=${raw}`, `of=${raw}.1`, 'bs=1M', 'skip=1', 'conv=sparse', 'status=none']);
      const examined = execFileSync('mdadm', ['--examine', `${raw}.1`], { encoding: 'utf8' });
      expect(examined).toMatch(/Raid Level : raid1[\s\S]*Checksum : [0-9a-f]+ - correct/);
      const offset = Number(/Data Offset : (\d+) sectors/.exec(examined)?.[1]) * 512;
      execFileSync('dd', [`if=${raw}.1`, `of=${raw}.2`, 'bs=1M', `skip=${offset >> 20}`, 'conv=sparse', 'status=none']);
      const test = ['open', '--test-passphrase', '--key-file', '-', `${raw}.2`];
      execFileSync('cryptsetup', test, { input: 'correct horse' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
