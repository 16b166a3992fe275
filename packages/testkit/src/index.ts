/**
 * What a plugin's tests need: a compliance suite for each contract, in-memory reference implementations, fault injectors, and a way to
 * find the host tools that judge a result.
 *
 * @example
 * ```ts
 * import { describe, it } from 'vitest';
 * import { fsDriverCompliance, ReferenceFsDriver } from '@vmcraft/testkit';
 * import { MemoryDevice } from '@vmcraft/core';
 *
 * fsDriverCompliance({ describe, it }, {
 *   name: 'reference',
 *   create: async () => {
 *     const driver = new ReferenceFsDriver();
 *     const device = new MemoryDevice(8 << 20);
 *     await driver.format(device);
 *     return { driver, device, type: 'memfs', abilities: ['write'] };
 *   },
 * });
 * ```
 *
 * @packageDocumentation
 */
export { type BlockBackendFixture, blockBackendCompliance } from './compliance/block-backend.js';
export { fsDriverCompliance } from './compliance/fs-driver.js';
export type { FsDriverFixture } from './compliance/fs-fixture.js';
export { type OsInspectorFixture, osInspectorCompliance } from './compliance/os-inspector.js';
export { type StorageActivatorFixture, storageActivatorCompliance } from './compliance/storage-activator.js';
export { gather, pattern, rejectsWith, sameBytes } from './expectations.js';
export * from './faults/index.js';
export { contentsOf, listEntries, namesIn, nodeAt, nodesBelow } from './file-system-walk.js';
export { ReferenceBackend } from './reference/memory-backend.js';
export { MemoryFiles } from './reference/memory-files.js';
export { ReferenceFsDriver } from './reference/memory-fs-driver.js';
export { type MemoryFileMap, MemoryView, ReferenceInspector } from './reference/memory-os.js';
export { ReferenceActivator, referenceMember } from './reference/memory-storage.js';
export { type CollectedResult, collect, type TestRunner } from './runner.js';
export { saveImage } from './save-image.js';
export { findTool, requireTools, withSteadyClock } from './tools.js';
export { type ListingOptions, listHostTree, listTree } from './tree-listing.js';
