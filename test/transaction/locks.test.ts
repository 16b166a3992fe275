import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CapabilityError, findBackingChild, HostError, LockedError, TransactionalFiles } from '@vmcraft/core';
import { findTool, requireTools } from '@vmcraft/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeHostFiles } from '../../packages/core/src/runtime/node-host-files.js';

let folder: string;
let image: string;
const writable = { writable: true } as const;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vmcraft-locks-'));
  image = join(folder, 'disk.img');
  writeFileSync(image, new Uint8Array(1 << 20));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Run `work` while a program holds the image open. */
async function holding(tool: string, args: readonly string[], work: () => Promise<void>): Promise<void> {
  const child = spawn(findTool(tool)!, args, { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    const { ino } = await (await import('node:fs/promises')).stat(image);
    const deadline = Date.now() + 20_000;
    while (!readFileSync('/proc/locks', 'latin1').includes(`:${ino} `)) {
      if (Date.now() > deadline) throw new Error(`${tool} has not locked the image`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await work();
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

describe.runIf(requireTools('qemu-io'))('an image that qemu holds', () => {
  const qemu = (work: () => Promise<void>): Promise<void> => holding('qemu-io', ['-f', 'raw', image], work);

  it('is refused for writing, read without complaint, and written when forced', async () => {
    await qemu(async () => {
      const host = new NodeHostFiles();
      await expect(host.open(image, writable)).rejects.toThrow(LockedError);
      const files = new TransactionalFiles(host);
      await expect(files.open(image, writable)).rejects.toThrow(/qemu-io.*ignoreLocks/s);
      await (await files.open(image, { writable: false })).close();
      await (await files.open(image, { writable: true, ignoreLocks: true })).close();
      await files.close();
    });
    expect(readdirSync(folder)).toEqual(['disk.img']);
  });

  it('is not committed to when qemu came after it was opened', async () => {
    const files = new TransactionalFiles(new NodeHostFiles());
    const file = await files.open(image, writable);
    await file.write(0, new Uint8Array([1]));
    await qemu(async () => {
      await expect(files.commit()).rejects.toThrow(LockedError);
    });
    expect(readFileSync(image)[0]).toBe(0);
    expect((await files.commit()).committed).toBe(true);
    await files.close();
    expect(readFileSync(image)[0]).toBe(1);
  });
});

describe.runIf(requireTools('flock'))('an image under flock(1)', () => {
  it('is refused for writing', async () => {
    await holding('flock', [image, '-c', 'read line'], async () => {
      await expect(new NodeHostFiles().open(image, writable)).rejects.toThrow(LockedError);
    });
  });
});

describe('the lock of VMCraft itself', () => {
  it('lets one transaction write at a time', async () => {
    const [first, second] = [new TransactionalFiles(new NodeHostFiles()), new TransactionalFiles(new NodeHostFiles())];
    await first.open(image, writable);
    symlinkSync(image, join(folder, 'alias.img'));
    await expect(second.open(join(folder, 'alias.img'), writable)).rejects.toThrow(LockedError);
    await first.close();
    await second.open(image, writable);
    await second.close();
  });

  it('is taken over from a process that is gone', async () => {
    const files = new TransactionalFiles(new NodeHostFiles());
    await files.open(image, writable);
    const lock = JSON.parse(readFileSync(`${image}.vmcraft-lock`, 'utf8')) as Record<string, unknown>;
    await files.close();
    writeFileSync(`${image}.vmcraft-lock`, JSON.stringify({ ...lock, started: '1' }));
    const next = new TransactionalFiles(new NodeHostFiles());
    await next.open(image, writable);
    await next.close();
    expect(readdirSync(folder)).toEqual(['disk.img']);
  });

  it('is respected when it is of another host, or cannot be understood', async () => {
    for (const text of [JSON.stringify({ token: 'x', pid: 1, host: 'elsewhere' }), 'nonsense']) {
      writeFileSync(`${image}.vmcraft-lock`, text);
      const files = new TransactionalFiles(new NodeHostFiles());
      await expect(files.open(image, writable)).rejects.toThrow(LockedError);
      expect(readFileSync(`${image}.vmcraft-lock`, 'utf8')).toBe(text);
      await files.close();
    }
  });
});

describe('what may be opened', () => {
  it('is a file: no folder, no pipe, nothing that is missing', async () => {
    const host = new NodeHostFiles();
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const [path, errno] of [
      [folder, 'EISDIR'],
      [join(folder, 'pipe'), 'EINVAL'],
      [join(folder, 'no'), 'ENOENT'],
    ]) {
      const error = await host.open(path!, { writable: false }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(HostError);
      expect((error as HostError).data.errno).toBe(errno);
    }
  });

  it('is what lies in the folder of the image, by its real path, or in an allowed one', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'vmcraft-outside-'));
    try {
      writeFileSync(join(outside, 'base.img'), '');
      symlinkSync(join(outside, 'base.img'), join(folder, 'link.img'));
      const host = new NodeHostFiles();
      for (const reference of ['link.img', join(outside, 'base.img'), '../../../etc/passwd', '/etc/passwd']) {
        await expect(host.resolveReference(image, reference), reference).rejects.toThrow(CapabilityError);
      }
      await expect(host.resolveReference(image, 'gone.img')).rejects.toThrow(HostError);
      expect(await host.resolveReference(image, './disk.img')).toBe(image);
      const wider = new NodeHostFiles({ allowReferences: [outside] });
      expect(await wider.resolveReference(image, 'link.img')).toBe(join(outside, 'base.img'));
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('a journal that anybody may have put there is not believed', async () => {
    writeFileSync(`${image}.vmcraft-journal`, new Uint8Array(4096), { mode: 0o600 });
    execFileSync('chmod', ['666', `${image}.vmcraft-journal`]);
    const files = new TransactionalFiles(new NodeHostFiles());
    await expect(files.open(image, writable)).rejects.toThrow(/another user/);
    await files.close();
  });
});

describe('findBackingChild', () => {
  it('finds the image beside it that names it', async () => {
    const child = join(folder, 'child.qcow2');
    writeFileSync(child, 'backing=disk.img');
    writeFileSync(join(folder, 'other.qcow2'), 'backing=/etc/passwd');
    const backingNameOf = async (path: string): Promise<string | undefined> =>
      /^backing=(.*)$/.exec(readFileSync(path, 'latin1').slice(0, 100))?.[1];
    expect(await findBackingChild(new NodeHostFiles(), image, { backingNameOf })).toBe(child);
    rmSync(child);
    expect(await findBackingChild(new NodeHostFiles(), image, { backingNameOf })).toBeUndefined();
  });
});
