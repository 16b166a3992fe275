import { describe, expect, it } from 'vitest';
import { codeOf, memoryFs, memoryVfs, put } from './memory-tree.js';

describe('path walk', () => {
  it('keeps absolute links and dot-dots inside the guest', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/etc', 0o755);
    await put(vfs, '/etc/passwd');
    await vfs.edit.symlink('/etc/passwd', '/absolute');
    await vfs.edit.symlink('../../../../etc/passwd', '/etc/up');
    expect(await vfs.realpath('/absolute', 't')).toBe('/etc/passwd');
    expect(await vfs.realpath('/etc/up', 't')).toBe('/etc/passwd');
    expect(await vfs.realpath('/../../etc/./passwd', 't')).toBe('/etc/passwd');
    expect(await vfs.realpath('/..', 't')).toBe('/');
  });

  it('follows 40 links and not one more', async () => {
    const vfs = await memoryVfs();
    await put(vfs, '/l0');
    for (let i = 1; i <= 41; i++) await vfs.edit.symlink(`l${i - 1}`, `/l${i}`);
    expect(await vfs.realpath('/l40', 't')).toBe('/l0');
    expect(await codeOf(vfs.realpath('/l41', 't'))).toBe('ELOOP');
    await vfs.edit.symlink('self', '/self');
    expect(await codeOf(vfs.resolve('/self/x', 't'))).toBe('ELOOP');
  });

  it('counts the links of all components together', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await vfs.edit.symlink('.', '/d/loop');
    expect(await vfs.realpath(`/d${'/loop'.repeat(40)}`, 't')).toBe('/d');
    expect(await codeOf(vfs.realpath(`/d${'/loop'.repeat(42)}`, 't'))).toBe('ELOOP');
  });

  it('treats a trailing slash as the wish for a directory', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await put(vfs, '/f');
    await vfs.edit.symlink('d', '/to-d');
    await vfs.edit.symlink('f', '/to-f');
    expect((await vfs.resolve('/to-d/', 't', false)).path).toBe('/d');
    expect(await codeOf(vfs.resolve('/f/', 't'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.resolve('/to-f/', 't', false))).toBe('ENOTDIR');
    expect(await codeOf(vfs.resolve('/f/x', 't'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.resolve('/f/..', 't'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.edit.open('/new/', { create: 0o644 }))).toBe('EISDIR');
    expect(await codeOf(vfs.edit.unlink('/to-d/'))).toBe('ENOTDIR');
    await vfs.edit.mkdir('/made/', 0o755);
    expect(await (await vfs.resolve('/made', 't')).isDirectory()).toBe(true);
  });

  it('does not follow the last name where it should not', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.symlink('/nowhere', '/dangling');
    expect(await (await vfs.resolve('/dangling', 't', false)).isLink()).toBe(true);
    expect(await codeOf(vfs.resolve('/dangling', 't'))).toBe('ENOENT');
    expect(await vfs.readlink('/dangling', 't')).toBe('/nowhere');
  });

  it('creates through a dangling link, where the link points', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await vfs.edit.symlink('../target', '/d/link');
    await put(vfs, '/d/link', 'hello');
    expect(await vfs.realpath('/d/link', 't')).toBe('/target');
    expect(await codeOf(vfs.edit.open('/d/link', { create: 0o644, exclusive: true }))).toBe('EEXIST');
  });

  it('limits names and paths as Linux does', async () => {
    const vfs = await memoryVfs();
    expect(await codeOf(vfs.edit.mkdir(`/${'n'.repeat(256)}`, 0o755))).toBe('ENAMETOOLONG');
    expect(await codeOf(vfs.edit.mkdir(`/${'é'.repeat(128)}`, 0o755))).toBe('ENAMETOOLONG');
    await vfs.edit.mkdir(`/${'é'.repeat(127)}`, 0o755);
    expect(await codeOf(vfs.resolve('/.'.repeat(2048), 't'))).toBe('ENAMETOOLONG');
    expect(await vfs.realpath('/.'.repeat(2047), 't')).toBe('/');
    expect(await codeOf(vfs.resolve('', 't'))).toBe('ENOENT');
  });

  it('forgets cached directories when names move', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/a', 0o755);
    await vfs.edit.mkdir('/b', 0o755);
    await put(vfs, '/a/f', 'from a');
    await put(vfs, '/b/f', 'from b');
    await vfs.edit.symlink('a', '/l');
    expect((await vfs.resolve('/l/f', 't')).path).toBe('/a/f');
    await vfs.edit.unlink('/l');
    await vfs.edit.symlink('b', '/l');
    expect((await vfs.resolve('/l/f', 't')).path).toBe('/b/f');
    await vfs.edit.rename('/b', '/c');
    expect(await codeOf(vfs.resolve('/b/f', 't'))).toBe('ENOENT');
    expect((await vfs.resolve('/c/f', 't')).path).toBe('/c/f');
  });
});

describe('mounts', () => {
  it('lie on directories of other mounts and hide what is there', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/mnt', 0o755);
    await put(vfs, '/mnt/hidden');
    const inner = await vfs.mount(await memoryFs(), '/mnt', { source: '/dev/sdb', readonly: false });
    expect(await vfs.names('/mnt', 't')).toEqual([]);
    await put(vfs, '/mnt/new');
    expect(await vfs.realpath('/mnt/..', 't')).toBe('/');
    expect(await codeOf(vfs.edit.rename('/mnt/new', '/new'))).toBe('EXDEV');
    expect(await codeOf(vfs.edit.link('/mnt/new', '/new'))).toBe('EXDEV');
    expect(await codeOf(vfs.edit.rmdir('/mnt'))).toBe('EBUSY');
    expect(await codeOf(vfs.edit.rename('/mnt', '/other'))).toBe('EBUSY');
    vfs.detach(inner);
    expect(await vfs.names('/mnt', 't')).toEqual(['hidden']);
  });

  it('follow symbolic links to the mount point, and stack', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await vfs.edit.symlink('/d', '/l');
    const first = await vfs.mount(await memoryFs(), '/l', { source: 'one', readonly: false });
    await put(vfs, '/d/one');
    const second = await vfs.mount(await memoryFs(), '/d', { source: 'two', readonly: false });
    expect(vfs.mounts.map((m) => vfs.mountPath(m))).toEqual(['/', '/d', '/d']);
    expect(await vfs.names('/d', 't')).toEqual([]);
    vfs.detach(second);
    expect(await vfs.names('/d', 't')).toEqual(['one']);
    expect(await vfs.mountAt('/d')).toBe(first);
  });

  it('are busy while others are inside, and must be mount points to be unmounted', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await vfs.mount(await memoryFs(), '/d', { source: 'inner', readonly: false });
    const root = await vfs.mountAt('/');
    expect(() => vfs.detach(root)).toThrow('Device or resource busy');
    await vfs.edit.mkdir('/d/sub', 0o755);
    expect(await codeOf(vfs.mountAt('/d/sub'))).toBe('EINVAL');
  });

  it('refuse every change when read-only', async () => {
    const vfs = await memoryVfs();
    await put(vfs, '/f');
    await vfs.edit.mkdir('/d', 0o755);
    vfs.remount(await vfs.mountAt('/'), { readonly: true, options: ['ro'] });
    const changes = [
      vfs.edit.mkdir('/new', 0o755),
      vfs.edit.open('/f', {}),
      vfs.edit.open('/new', { create: 0o644 }),
      vfs.edit.unlink('/f'),
      vfs.edit.rmdir('/d'),
      vfs.edit.rename('/f', '/g'),
      vfs.edit.link('/f', '/g'),
      vfs.edit.symlink('f', '/g'),
      vfs.edit.mknod('/g', 0o644),
      vfs.edit.setattr('/f', { mode: 0o600 }, 'chmod'),
    ];
    for (const change of changes) expect(await codeOf(change)).toBe('EROFS');
    expect(await vfs.names('/', 't')).toEqual(['f', 'd']);
  });

  it('need a directory that is there', async () => {
    const vfs = await memoryVfs();
    await put(vfs, '/f');
    const fs = await memoryFs();
    expect(await codeOf(vfs.mount(fs, '/nothing', { source: 's', readonly: true }))).toBe('ENOENT');
    expect(await codeOf(vfs.mount(fs, '/f', { source: 's', readonly: true }))).toBe('ENOTDIR');
  });
});
