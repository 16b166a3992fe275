import { decodeFileName } from '@vmcraft/core/binary';

/**
 * A name of the primary hierarchy as Linux shows it (`map=normal`): lower case, without the version `;1` and a dot at the end
 * (ECMA-119, section 7.5: name, dot, extension, semicolon, version).
 */
export function plainName(identifier: Uint8Array): string {
  const name = decodeFileName(identifier)
    .replace(/\.?;1$/, '')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return tidy(name.replace(/\.$/, ''));
}

/** A name of the Joliet hierarchy: UCS-2, big-endian (Joliet specification, "Allowed Character Set"). */
export function jolietName(identifier: Uint8Array): string {
  let name = '';
  for (let i = 0; i + 1 < identifier.length; i += 2) {
    name += String.fromCharCode((identifier[i]! << 8) | identifier[i + 1]!);
  }
  return tidy(name.replace(/;1$/, '').replace(/\.$/, ''));
}

/** What a path cannot have in a name, and versions other than the first. */
const tidy = (name: string): string => name.replace(/[;]/g, '.').replace(/[/\0]/g, '-');
