/**
 * Example of a third-party plugin: reads romfs. It uses `@vmcraft/core` and, in its tests, `@vmcraft/testkit`; nothing else of VMCraft.
 *
 * @packageDocumentation
 */
export { RomFsDriver } from './driver.js';
export { plugin } from './plugin.js';
