import { MemoryDevice } from '@vmcraft/core';
import type {
  BlockBackendFixture,
  FsDriverFixture,
  OsInspectorFixture,
  StorageActivatorFixture,
} from '../src/index.js';
import {
  MemoryFiles,
  MemoryView,
  pattern,
  ReferenceActivator,
  ReferenceBackend,
  ReferenceFsDriver,
  ReferenceInspector,
  referenceMember,
} from '../src/index.js';

export function backendFixture(): BlockBackendFixture {
  const files = new MemoryFiles();
  const content = pattern(123_456);
  files.set('/images/disk.img', content);
  return {
    backend: new ReferenceBackend(),
    context: { files, warn: () => undefined },
    drive: { path: '/images/disk.img', readonly: true },
    foreign: { uri: 'nbd://localhost/', readonly: true },
    content,
    writable: true,
    fingerprint: async () => (files.get('/images/disk.img') as Uint8Array).slice(),
  };
}

export async function driverFixture(): Promise<FsDriverFixture> {
  const driver = new ReferenceFsDriver();
  const device = new MemoryDevice(4 << 20);
  await driver.format(device);
  return { driver, device, type: 'memfs', abilities: ['write'] };
}

export function storageFixture(): StorageActivatorFixture {
  const content = pattern(100_000, 4);
  return {
    activator: new ReferenceActivator(),
    devices: [MemoryDevice.from(referenceMember('group', content))],
    memberType: 'reference_member',
    volumes: { '/dev/reference/group': content },
    writable: true,
  };
}

export function inspectorFixture(): OsInspectorFixture {
  return {
    inspector: new ReferenceInspector(),
    view: new MemoryView({
      '/dev/sda1': { '/etc/reference-os': 'Reference OS\n1.2\n' },
      '/dev/sda2': { '/etc/other': 'x' },
    }),
    root: '/dev/sda1',
    foreign: '/dev/sda2',
    facts: { productName: 'Reference OS', versionText: '1.2' },
  };
}
