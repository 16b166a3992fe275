import { decodeUtf8, decodeUtf16, type HostFile, LimitExceededError } from '@vmcraft/core';
import * as L from './layout.js';

/**
 * Names under which the parent of a differencing disk may be found, best first: the relative path, then the bare file names of the
 * absolute ones, as folders of another host mean nothing here.
 * @throws LimitExceededError
 */
export async function parentNames(file: HostFile, header: Uint8Array): Promise<string[]> {
  const relative: string[] = [];
  const bare: string[] = [];
  for (let i = 0; i < L.PARENT_LOCATORS; i++) {
    const locator = L.ParentLocator.decode(header, L.PARENT_LOCATORS_AT + i * L.ParentLocator.size);
    const { platformCode, platformDataLength: length } = locator;
    if (platformCode === 0 || length === 0) continue;
    if (length > L.MAX_LOCATOR) {
      throw new LimitExceededError({ limit: 'bytes of a VHD parent locator', value: length, max: L.MAX_LOCATOR });
    }
    const data = await file.read(Number(locator.platformDataOffset), length);
    if (platformCode === L.LOCATOR.relative) relative.push(unixPath(decodeUtf16(data)));
    else if (platformCode === L.LOCATOR.absolute) bare.push(fileName(decodeUtf16(data)));
    else if (platformCode === L.LOCATOR.url) bare.push(fileName(decodeUrl(decodeUtf8(data))));
  }
  const { parentUnicodeName } = L.VhdDynamicHeader.decode(header);
  bare.push(fileName(decodeUtf16(swapBytes(parentUnicodeName))));
  return [...relative, ...bare].filter((name) => name !== '');
}

function unixPath(path: string): string {
  return path.replaceAll('\\', '/');
}

function fileName(path: string): string {
  return unixPath(path).split('/').at(-1) ?? '';
}

function decodeUrl(text: string): string {
  const clean = text.replace(/\0.*$/s, '');
  try {
    return decodeURIComponent(clean);
  } catch {
    return clean;
  }
}

/** The name in the header is big-endian, unlike those in locators. */
function swapBytes(data: Uint8Array): Uint8Array {
  const swapped = new Uint8Array(data.length);
  for (let i = 0; i + 1 < data.length; i += 2) {
    swapped[i] = data[i + 1] as number;
    swapped[i + 1] = data[i] as number;
  }
  return swapped;
}
