export { applyAttributes, dropCapabilities } from './attributes.js';
export { VfsEditor, type WritableFile, type WriteOptions } from './editor.js';
export { VfsFileTree } from './file-tree.js';
export { Location, type Slot } from './location.js';
export type { Mount } from './mount-table.js';
export * from './posix-acl.js';
export { type TreeEntry, type TreeWalkOptions, walkTree } from './tree-walk.js';
export { type MountRequest, type OpenedFile, Vfs } from './vfs.js';
