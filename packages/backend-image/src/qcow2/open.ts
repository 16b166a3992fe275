import type { HostFile } from '@vmcraft/core';
import type { OpenedChain, OpenedImage } from '../chain.js';
import { closeParts, openQcow2Parts, Qcow2Image } from './qcow2-image.js';

/** Open a qcow2 image, at a snapshot when the request names one. */
export async function open(file: HostFile, chain: OpenedChain): Promise<OpenedImage> {
  const parts = await openQcow2Parts(file, chain);
  if (!chain.request.writable) return new Qcow2Image(parts);
  try {
    const { Qcow2Writer } = await import('./qcow2-writer.js');
    return new Qcow2Writer(parts);
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}
