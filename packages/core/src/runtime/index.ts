export { NodeHostFiles, type NodeHostFilesOptions } from './node-host-files.js';
export { NodePlatform } from './node-platform.js';
