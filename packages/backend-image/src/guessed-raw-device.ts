import { CapabilityError, type IoOptions } from '@vmcraft/core';
import { formatOf, TAIL } from './detect.js';
import { WritableImageDevice } from './image-device.js';
import { PROBE_WINDOW } from './limits.js';

/**
 * A disk that is raw because nothing else matched. A guest must not write what makes it another format the next time somebody looks:
 * with the header of a qcow2 it could name files of the host. qemu refuses the same.
 */
export class GuessedRawDevice extends WritableImageDevice {
  /** @throws CapabilityError when the disk would not be taken for raw any more */
  override async write(offset: number, data: Uint8Array, options?: IoOptions): Promise<void> {
    this.check('write', offset, data.length, options);
    const tailAt = Math.max(0, this.size - TAIL);
    if (data.length > 0 && (offset < PROBE_WINDOW || offset + data.length > tailAt)) {
      const head = await this.#after(0, Math.min(PROBE_WINDOW, this.size), offset, data);
      const tail = await this.#after(tailAt, this.size - tailAt, offset, data);
      const format = formatOf(head, tail, this.size);
      if (format !== 'raw') {
        const reason = `this would make it look like a ${format} image; say format 'raw' to write it`;
        throw CapabilityError.readOnly('the disk', reason);
      }
    }
    await super.write(offset, data, options);
  }

  /** What a span of the disk will hold. */
  async #after(start: number, length: number, offset: number, data: Uint8Array): Promise<Uint8Array> {
    const bytes = (await this.read(start, length)).slice();
    const from = Math.max(start, offset);
    const to = Math.min(start + length, offset + data.length);
    if (from < to) bytes.set(data.subarray(from - offset, to - offset), from - start);
    return bytes;
  }
}
