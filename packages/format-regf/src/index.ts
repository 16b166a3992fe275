/**
 * Windows registry hives for VMCraft, read and write.
 *
 * @example
 * const hive = await openHive(memorySource(await readFile('SYSTEM')));
 * const key = await hive.key('ControlSet001\\Services\\Tcpip\\Parameters');
 * console.log((await key?.value('Hostname'))?.data);
 * @packageDocumentation
 */
export type { HiveCommit } from './commit.js';
export { type CreateHiveOptions, createHive } from './create.js';
export { Hive, type OpenHiveOptions, openHive } from './hive.js';
export { HiveKey } from './hive-key.js';
export { HiveValue } from './hive-value.js';
export { type ExportRegOptions, exportReg } from './reg-export.js';
export { applyReg, type ImportedReg, type ImportRegOptions, importReg } from './reg-import.js';
export { parseReg, type RegEntry, type RegValue } from './reg-parse.js';
export { decodeRegFile, encodeRegFile, type RegVersion } from './reg-text.js';
export { formatSddl } from './sddl-format.js';
export { parseSddl } from './sddl-parse.js';
export { type Ace, decodeSecurityDescriptor, type SecurityDescriptor } from './security-descriptor.js';
export { formatSid, parseSid } from './sid.js';
export { type HiveSource, type HiveTarget, isHiveTarget, MemoryHive, memorySource } from './source.js';
export { compareNames, upcase } from './upcase.js';
export { decodeData, decodeMultiString, decodeString, encodeData, typeNumber } from './value-codec.js';
export {
  type RegistryData,
  RegistryType,
  type RegistryTypeLike,
  type RegistryTypeName,
  registryTypeName,
} from './value-types.js';
export { visitKeys, type WalkedKey, type WalkOptions, walkKeys } from './walk.js';
