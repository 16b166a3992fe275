import { type BackendContext, type HostFile, isVmcraftError } from '@vmcraft/core';
import { detectFormat } from './detect.js';
import { PROBE_WINDOW } from './limits.js';
import { readHeader } from './qcow2/header.js';

/**
 * The backing file that the image at a path names, as it is written there. A damaged image names none.
 * @throws HostError when the file cannot be read
 */
export async function backingNameOf(path: string, { files }: BackendContext): Promise<string | undefined> {
  const file = await files.open(path, { writable: false });
  try {
    const format = await detectFormat(file);
    if (format === 'qcow2') return withoutProtocol((await readHeader(file)).backingFile);
    if (format === 'vmdk') return await vmdkParent(file);
    if (format !== 'vpc' && format !== 'vhdx') return undefined;
    const names =
      format === 'vpc'
        ? await (await import('./vhd/open.js')).parentNamesOf(file)
        : await (await import('./vhdx/open.js')).parentNames(file);
    return (await firstExisting(names, path, files)) ?? names[0];
  } catch (error) {
    if (isVmcraftError(error)) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

/** These formats give the parent several names, of which some were only good on the host that wrote them. */
async function firstExisting(
  names: readonly string[],
  path: string,
  files: BackendContext['files'],
): Promise<string | undefined> {
  for (const name of names) {
    const target = await files.resolveReference(path, name).catch(() => undefined);
    if (target !== undefined && (await files.stat(target)) !== undefined) return name;
  }
  return undefined;
}

/** qemu takes `file:` before a name. */
function withoutProtocol(name: string | undefined): string | undefined {
  return name?.replace(/^file:/, '');
}

/** VMDK technical note, "The Descriptor File": a delta disk names its parent. */
async function vmdkParent(file: HostFile): Promise<string | undefined> {
  const head = await file.read(0, Math.min(PROBE_WINDOW, file.size));
  return /^parentFileNameHint="([^"\n]+)"/m.exec(new TextDecoder().decode(head))?.[1];
}
