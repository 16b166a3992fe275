export { type InfFileCopy, readInfCopies, readSourceFiles } from './copy-files.js';
export { type DiridContext, diridFolder, expandDirids } from './dirids.js';
export { type InfEntry, InfFile, type InfReadOptions } from './inf-file.js';
export { type InfInstall, readInfInstall } from './install.js';
export { type InfDevice, type InfModels, readInfModels } from './models.js';
export { type InfRegChange, type InfRegValue, type InfRoot, REG } from './registry-entries.js';
export { type InfService, START } from './services.js';
export {
  describeTarget,
  type InfArchitecture,
  type InfTarget,
  parseTargetOsVersion,
  selectDecoration,
  type TargetOsVersion,
} from './target.js';
export { decodeInfText, type InfEncoding, MAX_INF_BYTES } from './text.js';
export { type InfVersion, readInfVersion } from './version.js';
