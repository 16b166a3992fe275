export { NodeHostFiles, type NodeHostFilesOptions } from './node-host-files.js';
