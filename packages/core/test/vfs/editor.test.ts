import { describe, expect, it } from 'vitest';
import { S_IFIFO } from '../../src/contracts/index.js';
import { AclTag, decodeAcl, encodeAcl, modeOfAcl, type Vfs, walkTree } from '../../src/vfs/index.js';
import { codeOf, memoryVfs, put } from './memory-tree.js';

async function modeAt(vfs: Vfs, path: string): Promise<string> {
  const { mode } = await vfs.statAt(await vfs.resolve(path, 't', false));
  return (mode & 0o7777).toString(8);
}

describe('editor', () => {
  it('applies the umask to new objects', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o777);
    await vfs.edit.open('/f', { create: 0o666 });
    await vfs.edit.mknod('/p', S_IFIFO | 0o666);
    expect(await modeAt(vfs, '/d')).toBe('755');
    expect(await modeAt(vfs, '/f')).toBe('644');
    expect(await modeAt(vfs, '/p')).toBe('644');
    vfs.umask = 0o077;
    await vfs.edit.mkdir('/private', 0o777);
    expect(await modeAt(vfs, '/private')).toBe('700');
  });

  it('passes on the group of a setgid directory, and the bit to directories', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/shared', 0o755);
    await vfs.edit.setattr('/shared', { gid: 50 }, 'chown');
    await vfs.edit.setattr('/shared', { mode: 0o2775 }, 'chmod');
    await vfs.edit.mkdir('/shared/d', 0o755);
    await put(vfs, '/shared/f');
    expect(await modeAt(vfs, '/shared/d')).toBe('2755');
    expect(await modeAt(vfs, '/shared/f')).toBe('644');
    expect((await vfs.statAt(await vfs.resolve('/shared/f', 't'))).gid).toBe(50);
  });

  it('drops setuid when the owner of a file changes', async () => {
    const vfs = await memoryVfs();
    await put(vfs, '/tool');
    await vfs.edit.setattr('/tool', { mode: 0o6755 }, 'chmod');
    await vfs.edit.setattr('/tool', { uid: 7 }, 'chown');
    expect(await modeAt(vfs, '/tool')).toBe('755');
  });

  it('renames with the errors of rename(2)', async () => {
    const vfs = await memoryVfs();
    for (const dir of ['/a', '/a/b', '/full', '/full/x', '/empty']) await vfs.edit.mkdir(dir, 0o755);
    await put(vfs, '/file');
    expect(await codeOf(vfs.edit.rename('/a', '/a/b/c'))).toBe('EINVAL');
    expect(await codeOf(vfs.edit.rename('/a/b', '/a'))).toBe('ENOTEMPTY');
    expect(await codeOf(vfs.edit.rename('/file', '/empty'))).toBe('EISDIR');
    expect(await codeOf(vfs.edit.rename('/empty', '/file'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.edit.rename('/empty', '/full'))).toBe('ENOTEMPTY');
    expect(await codeOf(vfs.edit.rename('/nothing', '/x'))).toBe('ENOENT');
    expect(await codeOf(vfs.edit.rename('/file/', '/x'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.edit.rename('/', '/x'))).toBe('EBUSY');
    await vfs.edit.rename('/full', '/empty');
    expect(await vfs.names('/empty', 't')).toEqual(['x']);
    await vfs.edit.rename('/file', '/file');
    expect(await vfs.names('/', 't')).toContain('file');
  });

  it('removes with the errors of unlink(2) and rmdir(2)', async () => {
    const vfs = await memoryVfs();
    await vfs.edit.mkdir('/d', 0o755);
    await put(vfs, '/d/f');
    expect(await codeOf(vfs.edit.unlink('/d'))).toBe('EISDIR');
    expect(await codeOf(vfs.edit.rmdir('/d'))).toBe('ENOTEMPTY');
    expect(await codeOf(vfs.edit.rmdir('/d/f'))).toBe('ENOTDIR');
    expect(await codeOf(vfs.edit.rmdir('/'))).toBe('EBUSY');
    expect(await codeOf(vfs.edit.unlink('/none'))).toBe('ENOENT');
    expect(await codeOf(vfs.edit.mkdir('/', 0o755))).toBe('EEXIST');
    expect(await codeOf(vfs.edit.link('/d', '/e'))).toBe('EPERM');
    expect(await codeOf(vfs.edit.symlink('', '/e'))).toBe('ENOENT');
  });
});

describe('posix access control lists', () => {
  const entry = (tag: number, perm: number, id = 0xffffffff) => ({ tag, perm, id });

  it('decode and encode', () => {
    const list = [
      entry(AclTag.UserObj, 7),
      entry(AclTag.User, 5, 1000),
      entry(AclTag.GroupObj, 5),
      entry(AclTag.Mask, 7),
      entry(AclTag.Other, 0),
    ];
    expect(decodeAcl(encodeAcl(list))).toEqual(list);
    expect(modeOfAcl(list).toString(8)).toBe('770');
    expect(decodeAcl(Uint8Array.of(2, 0, 0, 0, 1))).toBeUndefined();
    expect(decodeAcl(Uint8Array.of(9, 0, 0, 0))).toBeUndefined();
  });
});

describe('walkTree', () => {
  it('gives parents first, or last for removal', async () => {
    const vfs = await memoryVfs();
    for (const dir of ['/a', '/a/b']) await vfs.edit.mkdir(dir, 0o755);
    await put(vfs, '/a/b/f');
    await put(vfs, '/z');
    await vfs.edit.symlink('/a', '/a/loop');
    const names = async (depthFirst: boolean): Promise<string[]> => {
      const found: string[] = [];
      for await (const { relative } of walkTree(vfs, vfs.root, { depthFirst, sorted: true })) found.push(relative);
      return found;
    };
    expect(await names(false)).toEqual(['a', 'a/b', 'a/b/f', 'a/loop', 'z']);
    expect(await names(true)).toEqual(['a/b/f', 'a/b', 'a/loop', 'a', 'z']);
  });
});
