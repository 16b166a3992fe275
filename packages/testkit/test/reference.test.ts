import { encodeUtf8, MemoryDevice } from '@vmcraft/core';
import { describe, it } from 'vitest';
import {
  blockBackendCompliance,
  fsDriverCompliance,
  osInspectorCompliance,
  ReferenceActivator,
  referenceMember,
  storageActivatorCompliance,
} from '../src/index.js';
import { backendFixture, driverFixture, inspectorFixture, storageFixture } from './fixtures.js';

const runner = { describe, it };

blockBackendCompliance(runner, { name: 'reference', create: async () => backendFixture() });
fsDriverCompliance(runner, { name: 'reference', create: () => driverFixture() });
storageActivatorCompliance(runner, { name: 'reference', create: async () => storageFixture() });
storageActivatorCompliance(runner, {
  name: 'reference, locked',
  create: async () => ({
    ...storageFixture(),
    activator: new ReferenceActivator(),
    devices: [MemoryDevice.from(referenceMember('group', encodeUtf8('x'.repeat(9000)), 'sesame'))],
    volumes: { '/dev/reference/group': encodeUtf8('x'.repeat(9000)) },
    key: encodeUtf8('sesame'),
  }),
});
osInspectorCompliance(runner, { name: 'reference', create: async () => inspectorFixture() });
