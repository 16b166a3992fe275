import { mkdirSync } from 'node:fs';
import { requireTools } from '@vmcraft/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeAttributes, describeStats, makeExt, makeTree, run, withGuest, withKernel } from './archive-image.js';
import { describeTree, Workspace } from './image.js';

const ALL = ['--xattrs', '--xattrs-include=*', '--acls', '--warning=no-timestamp'];

describe.runIf(requireTools('mke2fs', 'tar', 'mount', 'root', 'setfacl', 'setcap', 'setfattr'))('archives', () => {
  let space: Workspace;
  let tree: string;
  let disk: string;

  beforeAll(() => {
    space = new Workspace();
    tree = space.path('tree');
    mkdirSync(tree);
    makeTree(tree);
    disk = makeExt(space, 'empty.img');
  });
  afterAll(() => space[Symbol.dispose]());

  const copyOf = (name: string): string => {
    const copy = space.path(name);
    run('cp', '--sparse=always', disk, copy);
    return copy;
  };

  it('unpacks what GNU tar packs, in each of its formats', async () => {
    for (const format of ['gnu', 'posix', 'oldgnu']) {
      const tar = space.path(`${format}.tar`);
      const kept = format === 'posix' ? ALL : [];
      run('tar', `--format=${format}`, '-S', ...kept, '-C', tree, '-cf', tar, '.');
      const copy = copyOf('in.img');
      await withGuest(copy, async (g) => {
        await g.mkdir('/x');
        await g.tarIn(tar, '/x', { xattrs: true, acls: true });
      });
      run('e2fsck', '-fn', copy);
      withKernel(space, copy, (folder) => {
        expect(describeTree(`${folder}/x`)).toEqual(describeTree(tree));
        if (format !== 'posix') return;
        expect(describeStats(`${folder}/x`)).toEqual(describeStats(tree));
        expect(describeAttributes(`${folder}/x`)).toEqual(describeAttributes(tree));
        const blocks = Number(run('stat', '-c', '%b', `${folder}/x/sparse`));
        expect(blocks).toBeLessThan(100);
      });
    }
  });

  it('packs what GNU tar unpacks, with all attributes', async () => {
    const copy = copyOf('out.img');
    withKernel(space, copy, (folder) => run('cp', '-a', `${tree}/.`, folder), false);
    const tar = space.path('out.tar');
    await withGuest(copy, (g) => g.tarOut('/', tar, { xattrs: true, acls: true }), true);
    const out = space.path('out');
    mkdirSync(out);
    expect(run('sh', '-c', 'tar "$@" 2>&1', 'sh', ...ALL, '-C', out, '-xpf', tar)).toBe('');
    run('rmdir', `${out}/lost+found`);
    expect(describeTree(out)).toEqual(describeTree(tree));
    expect(describeStats(out)).toEqual(describeStats(tree));
    expect(describeAttributes(out)).toEqual(describeAttributes(tree));
    const again = copyOf('again.img');
    await withGuest(again, (g) => g.tarIn(tar, '/', { xattrs: true, acls: true }));
    withKernel(space, again, (folder) => {
      expect(describeStats(folder)).toEqual(describeStats(tree));
      expect(describeAttributes(folder)).toEqual(describeAttributes(out));
    });
  });
});
