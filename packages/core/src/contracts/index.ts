export * from './backend.js';
export * from './block.js';
export * from './filesystem.js';
export * from './host.js';
export * from './io.js';
export * from './os.js';
export * from './plugin.js';
export * from './storage.js';
