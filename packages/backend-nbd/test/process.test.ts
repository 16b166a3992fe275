import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pattern, rejectsWith, requireTools, sameBytes } from '@vmcraft/testkit';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { CONTENT, imageFixture } from './images.js';

const here = dirname(fileURLToPath(import.meta.url));

/** Folders and server processes that belong to `pid`. */
function leftovers(pid: number): string[] {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`vmcraft-nbd-${pid}-`));
  const servers = readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`vmcraft-nbd-${pid}-`);
    } catch {
      return false;
    }
  });
  return [...folders, ...servers.map((s) => `process ${s}`)];
}

async function gone(pid: number): Promise<string[]> {
  for (let i = 0; i < 200 && leftovers(pid).length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 50));
  return leftovers(pid);
}

describe.runIf(requireTools('qemu-nbd', 'qemu-img'))('the qemu-nbd process', () => {
  it('serves on a socket that only we can reach, and leaves nothing when closed', async () => {
    const fixture = imageFixture('vmdk');
    const session = await fixture.backend.open(fixture.drive, fixture.context);
    const [folder] = readdirSync(tmpdir()).filter((name) => name.startsWith(`vmcraft-nbd-${process.pid}-`)) as [string];
    expect(statSync(join(tmpdir(), folder)).mode & 0o777).toBe(0o700);
    expect(statSync(join(tmpdir(), folder, 'nbd')).mode & 0o777).toBe(0o600);
    await session.close();
    expect(leftovers(process.pid)).toEqual([]);
    await fixture.dispose?.();
  });

  it('is gone after a failed open, with the reason of qemu', async () => {
    const fixture = imageFixture('vmdk');
    writeFileSync(fixture.path, pattern(5000));
    await rejectsWith(() => fixture.backend.open({ ...fixture.drive, format: 'qcow2' }, fixture.context), ['VMC_HOST']);
    expect(leftovers(process.pid)).toEqual([]);
    await fixture.dispose?.();
  });

  it('survives neither SIGKILL of ours nor its own', async () => {
    const fixture = imageFixture('vhdx');
    const script = join(dirname(fixture.path), 'hold-open.mjs');
    await build({
      entryPoints: [join(here, 'hold-open.ts')],
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@vmcraft/source'],
      banner: {
        js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
      },
      logLevel: 'error',
    });
    for (const delay of [0, 5, 20, 60, 150, 400]) {
      const child = spawn(process.execPath, [script, fixture.path, 'vhdx'], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
      await ready;
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      expect(await gone(child.pid as number)).toEqual([]);
    }
    await fixture.dispose?.();
  });

  it('ends a session with an error when the server dies', async () => {
    const fixture = imageFixture('vdi');
    const session = await fixture.backend.open(fixture.drive, fixture.context);
    const [server] = leftovers(process.pid)
      .flatMap((l) => /^process (\d+)$/.exec(l)?.[1] ?? [])
      .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('/')) as [string];
    process.kill(Number(server), 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 300));
    await rejectsWith(() => session.device.read(0, 512), ['VMC_HOST']);
    await session.close();
    expect(await gone(process.pid)).toEqual([]);
    await fixture.dispose?.();
  });
});

describe.runIf(requireTools('qemu-nbd', 'qemu-img'))('images that name other files', () => {
  it('refuses a flat VMDK whose extent lies elsewhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    const secret = join(folder, 'secret');
    const inner = mkdtempSync(join(folder, 'images-'));
    writeFileSync(secret, pattern(65536));
    symlinkSync(secret, join(inner, 'link.img'));
    const { backend, context } = imageFixture('raw');
    for (const extent of [secret, '../secret', 'link.img']) {
      const path = join(inner, 'evil.vmdk');
      writeFileSync(
        path,
        `# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 128 FLAT "${extent}" 0\nddb.adapterType = "ide"\n`,
      );
      await rejectsWith(() => backend.open({ path, format: 'vmdk', readonly: true }, context), ['VMC_NO_CAPABILITY']);
    }
    rmSync(folder, { recursive: true });
  });

  it('refuses a backing file elsewhere, or behind a protocol', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vmcraft-test-'));
    const { backend, context } = imageFixture('raw');
    for (const backing of [
      '/etc/hostname',
      'nbd://localhost:1/x',
      'json:{"driver":"file","filename":"/etc/hostname"}',
    ]) {
      const path = join(folder, 'overlay.qcow2');
      execFileSync('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', backing, path, '1M']);
      await rejectsWith(() => backend.open({ path, format: 'qcow2', readonly: true }, context));
    }
    rmSync(folder, { recursive: true });
  });
});

describe.runIf(requireTools('qemu-nbd', 'qemu-img'))('NBD URIs', () => {
  it('reads and writes exports of another server, by socket and by port', async () => {
    const fixture = imageFixture('raw');
    const socket = join(dirname(fixture.path), 'socket');
    const server = spawn('qemu-nbd', ['-t', '-e', '4', '-x', 'my export', '-k', socket, '-f', 'raw', fixture.path], {
      stdio: 'ignore',
    });
    try {
      for (let i = 0; i < 100 && !readdirSync(dirname(socket)).includes('socket'); i++)
        await new Promise((r) => setTimeout(r, 50));
      const uri = `nbd+unix:///my%20export?socket=${encodeURIComponent(socket)}`;
      const session = await fixture.backend.open({ uri, readonly: false }, fixture.context);
      sameBytes(await session.device.read(0, CONTENT.length), CONTENT, 'export');
      await session.device.write(1000, pattern(5000, 3));
      await session.device.flush();
      await session.close();
      sameBytes(readFileSync(fixture.path).subarray(1000, 6000), pattern(5000, 3), 'file behind the server');
      await rejectsWith(
        () => fixture.backend.open({ uri: uri.replace('my', 'no'), readonly: true }, fixture.context),
        ['VMC_HOST'],
      );
    } finally {
      server.kill();
    }
    await fixture.dispose?.();
  });

  it('refuses what it cannot open with typed errors', async () => {
    const { backend, context } = imageFixture('raw');
    const refuses = (uri: string, code: string): Promise<void> =>
      rejectsWith(() => backend.open({ uri, readonly: true }, context), [code]);
    await refuses('nbds://localhost:1/x', 'VMC_HOST');
    await refuses('https://localhost:1/x', 'VMC_HOST');
    await refuses('gopher://localhost/x', 'VMC_UNSUPPORTED');
    for (const uri of ['iscsi://host/target', 'rbd://host/pool', 'ssh://host', 'ssh://h/p?host_key_check=maybe']) {
      await refuses(uri, 'VMC_USAGE');
    }
    await rejectsWith(() => backend.open({ uri: 'nbd+unix:///x?socket=/none', readonly: true }, context), ['VMC_HOST']);
  });
});
