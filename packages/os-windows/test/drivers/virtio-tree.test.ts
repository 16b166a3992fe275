import { describe, expect, it } from 'vitest';
import { folderOf } from '../../src/drivers/driver-folder.js';
import type { GuestWindows } from '../../src/drivers/guest-windows.js';
import { chooseFromTree, listTree, releasePreference } from '../../src/drivers/virtio-tree.js';

const guest = (major: number, minor: number, build: number, productType: 1 | 3 = 1): GuestWindows => ({
  architecture: 'amd64',
  major,
  minor,
  build,
  productType,
  productName: 'Windows',
  controlSet: 'ControlSet001',
});

describe('a virtio-win tree', () => {
  it('prefers the folder of the release, then older ones', () => {
    expect(releasePreference(guest(6, 1, 7601))).toEqual(['w7', '2k8r2']);
    expect(releasePreference(guest(6, 1, 7601, 3))).toEqual(['2k8r2', 'w7']);
    expect(releasePreference(guest(6, 3, 9600))).toEqual(['w8.1', '2k12r2', 'w8', '2k12']);
    expect(releasePreference(guest(10, 0, 19045))).toEqual(['w10']);
    expect(releasePreference(guest(10, 0, 26100))).toEqual(['w11', 'w10']);
    expect(releasePreference(guest(10, 0, 17763, 3))).toEqual(['2k19', '2k16', 'w10', '2k16']);
    expect(releasePreference(guest(10, 0, 26100, 3)).slice(0, 2)).toEqual(['2k25', '2k22']);
    expect(releasePreference(guest(4, 0, 1381))).toEqual([]);
  });

  it('is read in each of its forms, without what is not for injection', () => {
    const files = [
      'viostor/w10/amd64/viostor.inf',
      'viostor/w10/x86/viostor.inf',
      'NetKVM/w10/amd64/netkvm.inf',
      'NetKVM/w10/amd64/netkvmco.exe',
      'sriov/w10/amd64/vioprot.inf',
      'vioprot/w10/amd64/vioprot.inf',
      'amd64/2k12R2/vioscsi.inf',
      'drivers/i386/Win7/vioscsi.inf',
      'guest-agent/readme.inf',
    ];
    const infs = listTree(folderOf('tree', files, () => Promise.reject(new Error('not read'))));
    expect(infs.map(({ driver, architecture, release }) => `${driver} ${architecture} ${release}`)).toEqual([
      'viostor amd64 w10',
      'viostor x86 w10',
      'netkvm amd64 w10',
      'vioscsi amd64 2k12r2',
      'vioscsi x86 w7',
    ]);
    expect(chooseFromTree(infs, guest(10, 0, 19045)).map(({ path }) => path)).toEqual([
      'NetKVM/w10/amd64/netkvm.inf',
      'viostor/w10/amd64/viostor.inf',
    ]);
    expect(chooseFromTree(infs, guest(6, 3, 9600)).map(({ path }) => path)).toEqual(['amd64/2k12R2/vioscsi.inf']);
  });
});
