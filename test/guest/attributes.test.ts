import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeExt, makeFat, run, withGuest, withKernel } from './archive-image.js';
import { Workspace } from './image.js';

const tryRun = (command: string, ...args: string[]): string | undefined => {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return undefined;
  }
};

const CAPABILITIES = [
  ...['cap_net_raw=ep', 'cap_net_raw+p', '=', '=ep', 'all=p', 'ALL=i', '=ep cap_chown-ep', 'cap_chown=p cap_net_raw=p'],
  ...['cap_chown,cap_kill=eip cap_bpf=ei', '41=ep', 'cap_chown=p 41=p 42=i', '=eip 50=ep', '12=p', '0x1=p', '010=p'],
  ...['=i cap_chown+p', 'cap_chown=p+i-p', 'cap_chown=', 'CAP_CHOWN=p', ' cap_chown=p\tcap_kill=p ', '=p 41-p'],
  ...['cap_chown', 'cap_foo=p', '+ep', 'cap_chown=p,cap_kill=p', 'cap_chown=x', '64=p', 'cap_chown==p', 'cap_chown,=p'],
  ...['cap_chown=ep cap_kill=p', 'cap_chown+p=e', '9x=p', 'cap_chown+', 'cap_chown,all=p', '-p', 'all-p'],
];

const ACLS = [
  ...['u::rwx,g::r-x,o::r', 'u::rwx,g::rwx,o::rwx,m::rwx,u:500:rwx,g:500:rwx', 'user::rw-\ngroup::r--\nother::---\n'],
  ...[
    'u::rwx,g::rx,m:r,u:12:r,u:11:w,o:-',
    'user::rwx # comment\ngroup::r\nother:r',
    'u::rwx g::r o::r',
    'u::rwx,g::r,o::r,',
    'u::rwx,g::r,o::r,m::rwx',
  ],
  ...[
    'u::7,g::5,o::0',
    'u::rwx',
    'u::rwx,g::r,o::r,u:5:r',
    'u::rr,g::r,o::r',
    'u::rwx,g::r,o::r,m::x,u:5:r,u:5:w',
    'x::r',
  ],
  ...['u::rwx,g::r,o:', 'u::rwX,g::r,o::r', 'u::rwx,g::r,o::r,u:nosuch:r,m::r'],
];

describe.runIf(requireTools('mke2fs', 'mount', 'root', 'setfacl', 'getfacl', 'setcap', 'getcap', 'setfattr'))(
  'attributes',
  () => {
    let space: Workspace;
    beforeAll(() => {
      space = new Workspace();
    });
    afterAll(() => space[Symbol.dispose]());

    /** A disk with files `a0` … to be changed by the kernel, and `b0` … by the library. */
    const diskOfFiles = (count: number): string => {
      const tree = space.path('files');
      mkdirSync(tree, { recursive: true });
      for (let i = 0; i < count; i++) for (const letter of 'ab') writeFileSync(`${tree}/${letter}${i}`, 'x');
      return makeExt(space, 'files.img', tree, 16 << 20);
    };

    it('reads and writes capabilities as setcap and getcap do', async () => {
      const disk = diskOfFiles(CAPABILITIES.length);
      const capsOf = (file: string): string =>
        run('getcap', '-n', file)
          .trim()
          .slice(file.length + 1);
      const expected = withKernel(
        space,
        disk,
        (folder) =>
          CAPABILITIES.map((text, i) =>
            tryRun('setcap', text, `${folder}/a${i}`) === undefined ? undefined : capsOf(`${folder}/a${i}`),
          ),
        false,
      );
      await withGuest(disk, async (g) => {
        for (const [i, text] of CAPABILITIES.entries()) {
          const wanted = expected[i];
          if (wanted === undefined) {
            await expect(g.capSetFile(`/b${i}`, text), text).rejects.toThrow('Invalid argument');
            continue;
          }
          expect(await g.capGetFile(`/a${i}`), text).toBe(wanted);
          await g.capSetFile(`/b${i}`, text);
          expect(await g.capGetFile(`/b${i}`), text).toBe(wanted);
        }
        await expect(g.capSetFile('/', 'cap_chown=p')).rejects.toMatchObject({ code: 'EINVAL' });
      });
      run('e2fsck', '-fn', disk);
      withKernel(space, disk, (folder) => {
        for (const [i, wanted] of expected.entries()) {
          if (wanted !== undefined) expect(capsOf(`${folder}/b${i}`)).toBe(wanted);
        }
      });
    });

    it('reads and writes access control lists as setfacl and getfacl do', async () => {
      const disk = diskOfFiles(ACLS.length);
      await withGuest(disk, async (g) => {
        await g.write('/etc-is-missing', '');
        await g.mkdir('/dir');
        for (const [i, text] of ACLS.entries()) {
          const isGood = i < 8;
          const work = g.aclSetFile(`/b${i}`, 'access', text);
          if (!isGood) await expect(work, text).rejects.toThrow(/Invalid argument/);
          else await work;
        }
        await g.aclSetFile('/dir', 'default', 'u::rwx,g::rx,o::-,m::rx,g:7:rwx');
        await g.mkdir('/dir/sub');
        await g.write('/dir/file', 'x');
      });
      run('e2fsck', '-fn', disk);
      const list = (file: string, ...options: string[]): string => run('getfacl', '-cnpE', ...options, file).trim();
      const shown = withKernel(space, disk, (folder) => ({
        files: ACLS.slice(0, 8).map((_, i) => list(`${folder}/b${i}`)),
        sub: list(`${folder}/dir/sub`, '-d'),
        file: list(`${folder}/dir/file`),
      }));
      expect(shown.files[1]).toBe('user::rwx\nuser:500:rwx\ngroup::rwx\ngroup:500:rwx\nmask::rwx\nother::rwx');
      expect(shown.files[3]).toBe('user::rwx\nuser:11:-w-\nuser:12:r--\ngroup::r-x\nmask::r--\nother::---');
      await withGuest(disk, async (g) => {
        const plain = (text: string): string => text.replace(/\t#.*/g, '').trim();
        for (const [i, wanted] of shown.files.entries())
          expect(plain(await g.aclGetFile(`/b${i}`, 'access'))).toBe(wanted);
        expect(await g.aclGetFile('/b3', 'access')).toContain('user:11:-w-\t#effective:---\n');
        expect(plain(await g.aclGetFile('/dir/sub', 'default'))).toBe(shown.sub);
        expect(plain(await g.aclGetFile('/dir/file', 'access'))).toBe(shown.file);
        await g.aclDeleteDefFile('/dir');
        await g.aclDeleteDefFile('/dir');
        expect(await g.aclGetFile('/dir', 'default')).toBe('');
        await g.write('/dir/after', 'x');
        expect(await g.aclGetFile('/dir/after', 'access')).toBe('user::rw-\ngroup::r--\nother::r--\n');
        await expect(g.aclGetFile('/b1', 'default')).rejects.toMatchObject({ code: 'EACCES' });
        await expect(g.aclSetFile('/b1', 'default', 'u::r,g::r,o::r')).rejects.toMatchObject({ code: 'EACCES' });
        await expect(g.aclGetFile('/b1', 'other')).rejects.toThrow('invalid acltype');
      });
    });

    it('names users of the guest in access control lists', async () => {
      const tree = space.path('named');
      mkdirSync(`${tree}/etc`, { recursive: true });
      writeFileSync(`${tree}/etc/passwd`, 'root:x:0:0::/:/bin/sh\nalice:x:1234:1::/:/bin/sh\n');
      writeFileSync(`${tree}/etc/group`, 'root:x:0:\nstaff:x:77:\n');
      await withGuest(makeExt(space, 'named.img', tree, 16 << 20), async (g) => {
        await g.aclSetFile('/etc', 'access', 'u::rwx,g::rx,o::rx,m::rwx,u:alice:rwx,g:staff:r');
        const text = 'user::rwx\nuser:1234:rwx\ngroup::r-x\ngroup:77:r--\nmask::rwx\nother::r-x\n';
        expect(await g.aclGetFile('/etc', 'access')).toBe(text);
      });
    });

    it('reads and writes extended attributes', async () => {
      const disk = diskOfFiles(2);
      withKernel(
        space,
        disk,
        (folder) => {
          run('setfattr', '-n', 'user.first', '-v', 'one', `${folder}/a0`);
          run('setfattr', '-n', 'trusted.bytes', '-v', '0x0001ff', `${folder}/a0`);
          run('sh', '-c', `cd ${folder}; ln -s a0 link; setfattr -h -n trusted.link -v l link`);
        },
        false,
      );
      await withGuest(disk, async (g) => {
        expect(Buffer.from(await g.getxattr('/link', 'user.first')).toString()).toBe('one');
        expect([...(await g.getxattr('/a0', 'trusted.bytes'))]).toEqual([0, 1, 255]);
        const named = (await g.getxattrs('/link')).map(
          (x) => `${x.attrname}=${Buffer.from(x.attrval).toString('hex')}`,
        );
        expect(named.sort()).toEqual(['trusted.bytes=0001ff', 'user.first=6f6e65']);
        expect((await g.lgetxattrs('/link')).map((x) => x.attrname)).toEqual(['trusted.link']);
        expect(Buffer.from(await g.lgetxattr('/link', 'trusted.link')).toString()).toBe('l');
        const list = await g.lxattrlist('/', ['b0', 'nothing', 'link']);
        expect(list.map((x) => [x.attrname, Buffer.from(x.attrval).toString()])).toEqual([
          ['', '0'],
          ['', ''],
          ['', '1'],
          ['trusted.link', 'l'],
        ]);
        await g.setxattr('user.new', 'value', 3, '/link');
        await g.lsetxattr('trusted.second', 'two', 3, '/link');
        await g.lremovexattr('trusted.link', '/link');
        await g.removexattr('user.first', '/link');
        const code = (work: Promise<unknown>) =>
          work.then(
            () => 'none',
            (e: { code: string }) => e.code,
          );
        expect(await code(g.getxattr('/a0', 'user.none'))).toBe('ENODATA');
        expect(await code(g.getxattr('/a0', 'nonsense'))).toBe('ENOTSUP');
        expect(await code(g.getxattr('/none', 'user.a'))).toBe('ENOENT');
        expect(await code(g.removexattr('user.none', '/a0'))).toBe('ENODATA');
        expect(await code(g.setxattr('nonsense', 'x', 1, '/a0'))).toBe('ENOTSUP');
        expect(await code(g.setxattr('', 'x', 1, '/a0'))).toBe('ERANGE');
        expect(await code(g.setxattr(`user.${'n'.repeat(251)}`, 'x', 1, '/a0'))).toBe('ERANGE');
        expect(await code(g.setxattr('user.big', 'x'.repeat(65_537), 65_537, '/a0'))).toBe('E2BIG');
        expect(await code(g.lsetxattr('user.x', 'x', 1, '/link'))).toBe('EPERM');
        expect(await code(g.setxattr('user.x', 'abc', 4, '/a0'))).toBe('VMC_USAGE');
      });
      run('e2fsck', '-fn', disk);
      withKernel(space, disk, (folder) => {
        const dump = (file: string): string =>
          run('getfattr', '-h', '-d', '-m', '-', '--absolute-names', `${folder}/${file}`);
        expect(dump('a0').split('\n').slice(1, 3)).toEqual(['trusted.bytes=0sAAH/', 'user.new="val"']);
        expect(dump('link')).toContain('trusted.second="two"');
      });
    });

    it('says that FAT has none', async () => {
      await withGuest(makeFat(space, 'fat.img'), async (g) => {
        await g.write('/file', 'x');
        expect(await g.getxattrs('/file')).toEqual([]);
        expect(await g.capGetFile('/file')).toBe('');
        await expect(g.getxattr('/file', 'user.x')).rejects.toMatchObject({ code: 'ENOTSUP' });
        await expect(g.setxattr('user.x', 'x', 1, '/file')).rejects.toMatchObject({ code: 'ENOTSUP' });
        await expect(g.aclGetFile('/file', 'access')).rejects.toMatchObject({ code: 'ENOTSUP' });
        await expect(g.capSetFile('/file', 'cap_chown=p')).rejects.toMatchObject({ code: 'ENOTSUP' });
      });
    });
  },
);
