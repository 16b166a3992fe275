import { type BlockDevice, type IoOptions, isDiscardable } from '../contracts/index.js';
import { checkSpan, requireWritable, throwIfAborted } from './span.js';

/** Bytes written at once; shared, never changed. */
const ZEROES = new Uint8Array(1024 * 1024);

/**
 * Make a range of a device read as zeros: by discarding where the device can, else by writing.
 * @param offset bytes
 * @param length bytes
 * @throws CapabilityError (`VMC_READ_ONLY`), TruncatedImageError, AbortedError
 */
export async function writeZeroes(
  device: BlockDevice,
  offset: number,
  length: number,
  options: IoOptions & { /** Write real zeros, keeping the space allocated. */ readonly allocate?: boolean } = {},
): Promise<void> {
  requireWritable(device, 'device');
  checkSpan('device', device.size, offset, length);
  if (options.allocate !== true && isDiscardable(device)) return device.discard(offset, length, options);
  for (let done = 0; done < length; done += ZEROES.length) {
    throwIfAborted(options.signal, 'write zeroes');
    const run = Math.min(ZEROES.length, length - done);
    await device.write(offset + done, ZEROES.subarray(0, run), options);
  }
}
