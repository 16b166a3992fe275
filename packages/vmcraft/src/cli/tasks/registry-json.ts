import { toHex } from '@vmcraft/core/binary';

/** A result about the registry as JSON can carry it: bytes are hexadecimal digits, whatever they look like, and large numbers text. */
export function registryJson(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
  if (Array.isArray(value)) return value.map(registryJson);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, registryJson(inner)]));
  }
  return value ?? null;
}
