import { createHash } from 'node:crypto';
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestFS } from 'vmcraft';
import { checkDisk, makeDisk, Workspace } from './image.js';

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.runIf(requireTools('sgdisk', 'mke2fs', 'mkfs.vfat', 'e2fsck', 'fsck.fat'))('a session on a real disk', () => {
  let space: Workspace;
  let disk: string;

  beforeAll(() => {
    space = new Workspace();
    disk = makeDisk(space);
  });
  afterAll(() => space[Symbol.dispose]());

  it('reads through the beginner’s form and changes nothing', async () => {
    const before = digest(disk);
    await using g = await GuestFS.open(disk, { readonly: true });
    const [os] = await g.inspectOsInfo();
    expect(os?.distro).toEqual({ value: 'debian', source: '/etc/os-release' });
    expect(await g.mountRoot()).toBe('/dev/sda2');
    expect(await g.read('/etc/hostname')).toBe('guest1\n');
    expect(await g.isWindows()).toBe(false);
    expect(await g.mountpoints()).toEqual({ '/dev/sda2': '/', '/dev/sda1': '/boot/efi' });
    await expect(g.write('/etc/hostname', 'x')).rejects.toMatchObject({
      code: 'EROFS',
      message: 'write: /etc/hostname: Read-only file system',
    });
    await g.close();
    await g.close();
    expect(digest(disk)).toBe(before);
  });

  it('commits on close, not before', async () => {
    const copy = makeDisk(space, 'commit.raw');
    const before = digest(copy);
    const g = await GuestFS.open(copy);
    await g.mountRoot();
    await g.write('/etc/hostname', 'web1\n');
    await g.write('/boot/efi/startup.nsh', 'fs0:\n');
    expect(await g.read('/etc/hostname')).toBe('web1\n');
    expect(digest(copy)).toBe(before);
    await g.close();
    await using again = await GuestFS.open(copy, { readonly: true });
    await again.mountRoot();
    expect(await again.read('/etc/hostname')).toBe('web1\n');
    expect(await again.ls('/boot/efi')).toEqual(['startup.nsh']);
    checkDisk(space, copy);
  });

  it('keeps what sync committed, and drops the rest on rollback', async () => {
    const copy = makeDisk(space, 'rollback.raw');
    const g = await GuestFS.open(copy, { format: 'raw' });
    await g.mountRoot();
    await g.write('/kept', 'a');
    await g.sync();
    await g.write('/dropped', 'b');
    await g.rollback();
    await expect(g.ls('/')).rejects.toThrow('the session is closed');
    await using again = await GuestFS.open(copy, { readonly: true });
    await again.mountRoot();
    expect(await again.exists('/kept')).toBe(true);
    expect(await again.exists('/dropped')).toBe(false);
    checkDisk(space, copy);
  });

  it('rolls back when the work of GuestFS.with fails, and commits when it does not', async () => {
    const copy = makeDisk(space, 'with.raw');
    const before = digest(copy);
    const failing = GuestFS.with(copy, async (g) => {
      await g.mountRoot();
      await g.write('/new', 'x');
      throw new Error('on purpose');
    });
    await expect(failing).rejects.toThrow('on purpose');
    expect(digest(copy)).toBe(before);
    const size = await GuestFS.with(copy, async (g) => {
      await g.mountRoot();
      await g.write('/new', 'xyz');
      return g.filesize('/new');
    });
    expect(size).toBe(3);
    expect(digest(copy)).not.toBe(before);
    checkDisk(space, copy);
  });

  it('never commits in a dry run, nor without autosync', async () => {
    const copy = makeDisk(space, 'dry.raw');
    const before = digest(copy);
    const dry = await GuestFS.open(copy, { dryRun: true });
    await dry.mountRoot();
    await dry.write('/etc/hostname', 'changed');
    await dry.sync();
    expect(await dry.read('/etc/hostname')).toBe('changed');
    await dry.close();
    const manual = await GuestFS.open(copy);
    await manual.setAutosync(false);
    await manual.mountRoot();
    await manual.write('/etc/hostname', 'changed');
    await manual.close();
    expect(digest(copy)).toBe(before);
  });

  it('works in the full form, launched and shut down twice', async () => {
    const g = new GuestFS();
    await expect(g.ls('/')).rejects.toThrow('call launch before using this function');
    await expect(g.launch()).rejects.toThrow('no drives');
    await expect(g.addDrive('/no/such/image')).rejects.toMatchObject({ code: 'VMC_HOST' });
    await g.addDrive(disk, { readonly: true, format: 'raw', label: 'main' });
    await g.launch();
    await expect(g.addDrive(disk)).rejects.toMatchObject({ code: 'VMC_USAGE' });
    await expect(g.ls('/')).rejects.toThrow("ls: you must call 'mount' first to mount the root filesystem");
    expect(await g.inspectOs()).toEqual(['/dev/sda2']);
    expect(await g.inspectGetMountpoints('/dev/sda2')).toEqual({ '/': '/dev/sda2', '/boot/efi': '/dev/sda1' });
    expect((await g.inspectListApplications2('/dev/sda2')).map((a) => a.app2_name)).toEqual(['bash']);
    await g.mount('/dev/disk/guestfs/main2', '/');
    expect(await g.mounts()).toEqual(['/dev/sda2']);
    await g.shutdown();
    await g.shutdown();
    await g.launch();
    await g.mountRo('/dev/vda2', '/');
    expect(await g.cat('/etc/debian_version')).toBe('12.5\n');
    await g.close();
  });

  it('names function, path and cause in every error', async () => {
    await using g = await GuestFS.open(disk, { readonly: true });
    await g.mountRoot();
    const text = async (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'no error',
        (e: Error) => e.message,
      );
    expect(await text(g.cat('/none'))).toBe('cat: /none: No such file or directory');
    expect(await text(g.cat('/etc'))).toBe('cat: /etc: Is a directory');
    expect(await text(g.ls('/etc/hostname'))).toBe('ls: /etc/hostname: Not a directory');
    expect(await text(g.readFile('relative'))).toBe("read_file: path: must be an absolute path that starts with '/'");
    expect(await text(g.mount('/dev/sdz', '/'))).toBe('mount: /dev/sdz: No such file or directory');
    expect(await text(g.pread('/etc/fstab', 1.5, 0))).toContain('pread: count');
    expect(await text(g.call('is-dir', '/', { nonsense: true }))).toBe("is_dir: there is no option 'nonsense'");
    expect(await text(g.call('frobnicate'))).toContain("no action is called 'frobnicate'");
    expect(await text(g.inspectGetType('/dev/sda1'))).toContain('inspect_get_type: ');
  });

  it('says what is wrong with what it cannot open', async () => {
    await expect(GuestFS.open('/no/such/disk')).rejects.toMatchObject({ code: 'VMC_HOST' });
    await expect(GuestFS.open(space.folder)).rejects.toMatchObject({ code: 'VMC_HOST' });
    const cut = makeDisk(space, 'cut.raw');
    truncateSync(cut, 20 << 20);
    await using g = await GuestFS.open(cut, { readonly: true });
    await expect(g.mount('/dev/sda2', '/')).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) });
    await expect(g.mountRoot()).rejects.toThrow('no operating system was found');
  });

  it('does not write bytes that it does not know, unless told that they are raw', async () => {
    const blank = space.path('blank.img');
    writeFileSync(blank, new Uint8Array(1 << 20));
    const careful = await GuestFS.open(blank);
    expect(careful.session.device('/dev/sda').device.writable).toBe(false);
    await careful.close();
    await using told = await GuestFS.open(blank, { format: 'raw' });
    expect(told.session.device('/dev/sda').device.writable).toBe(true);
  });

  it('gives scratch drives that leave nothing behind', async () => {
    const g = new GuestFS();
    await g.addDriveScratch(64 << 20);
    await g.launch();
    const device = await g.session.exclusiveDevice('/dev/sda', 'test');
    await device.write(32 << 20, Uint8Array.of(1, 2, 3));
    expect([...(await device.read((32 << 20) - 1, 4))]).toEqual([0, 1, 2, 3]);
    await g.close();
  });

  it('measures phases and layers, traces calls, and counts no secrets', async () => {
    const lines: string[] = [];
    await using g = await GuestFS.open(disk, { readonly: true });
    g.on('trace', (line) => lines.push(line));
    await g.setTrace(true);
    await g.setIdentifier('one');
    await g.mountRoot();
    await g.cat('/etc/hostname');
    await g.rm('/none').catch(() => undefined);
    expect(lines).toContain('one: cat "/etc/hostname"');
    expect(lines).toContain('one: cat = "guest1\\n"');
    expect(lines).toContain('one: rm = -1 (error): rm: /none: No such file or directory');
    const { phases, layers } = g.getPerformanceMetrics();
    for (const phase of ['open', 'discover', 'inspect', 'mount', 'cat'])
      expect(phases[phase]?.calls).toBeGreaterThan(0);
    expect(layers.image!.bytesRead).toBeGreaterThan(0);
    expect(layers.cache!.cacheHits).toBeGreaterThan(0);
    expect(existsSync(`${disk}.vmcraft-journal`)).toBe(false);
  });

  it('runs calls one after the other, and cancels the one that runs', async () => {
    await using g = await GuestFS.open(disk, { dryRun: true });
    await g.mountRoot();
    await Promise.all(Array.from({ length: 20 }, (_, i) => g.mkdirP(`/many/${i % 3}/${i}`)));
    expect((await g.find('/many')).length).toBe(23);
    const sleeping = g.sleep(60);
    setTimeout(() => void g.userCancel(), 50);
    await expect(sleeping).rejects.toMatchObject({ code: 'VMC_ABORTED' });
    expect(await g.ls('/many')).toEqual(['0', '1', '2']);
  });

  it('finds what changed', async () => {
    await using g = await GuestFS.open(disk, { dryRun: true });
    await g.mountRoot();
    const start = Date.now() - 1;
    await g.write('/etc/new.conf', 'x');
    const found: string[] = [];
    for await (const { path } of g.findModifiedSince(start)) found.push(path);
    expect(found).toEqual(['/etc/new.conf']);
  });
});
