/** Types of registry values by their number. Section "Key value", "Data types". */
export const RegistryType = {
  REG_NONE: 0,
  REG_SZ: 1,
  REG_EXPAND_SZ: 2,
  REG_BINARY: 3,
  REG_DWORD: 4,
  REG_DWORD_BIG_ENDIAN: 5,
  REG_LINK: 6,
  REG_MULTI_SZ: 7,
  REG_RESOURCE_LIST: 8,
  REG_FULL_RESOURCE_DESCRIPTOR: 9,
  REG_RESOURCE_REQUIREMENTS_LIST: 10,
  REG_QWORD: 11,
} as const;

/** Name of a value type. */
export type RegistryTypeName = keyof typeof RegistryType;

/** A value type by name or by number; Windows allows any 32-bit number. */
export type RegistryTypeLike = RegistryTypeName | number;

const NAMES = new Map<number, RegistryTypeName>(
  Object.entries(RegistryType).map(([name, type]) => [type, name as RegistryTypeName]),
);

/** `REG_SZ` for 1 and so on; undefined for types without a name. */
export function registryTypeName(type: number): RegistryTypeName | undefined {
  return NAMES.get(type);
}

/**
 * What a value holds: text for REG_SZ, REG_EXPAND_SZ and REG_LINK, a list for REG_MULTI_SZ, a number for the
 * REG_DWORD kinds, a bigint for REG_QWORD, bytes for all others.
 */
export type RegistryData = string | readonly string[] | number | bigint | Uint8Array;
