import { FsError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';
import { textOf } from '../inspect/hive-reader.js';
import { GuestRegistry } from '../registry/guest-registry.js';

/** Well-known object: the boot manager (Microsoft, "BCD system store settings"). */
const BOOT_MANAGER = '{9dea862c-5cdd-4e70-acc1-f32b344d4795}';
/** BcdBootMgrObject_DefaultObject. */
const DEFAULT_OBJECT = '23000003';
/** BcdLibraryBoolean_GraphicsModeDisabled (Microsoft, "BcdLibraryElementTypes"). */
const GRAPHICS_MODE_DISABLED = '16000046';

/**
 * Let the default boot entry use graphics: machines without a serial or text console show nothing else.
 * @returns the entries that were changed
 * @throws FsError ENOENT without boot configuration or default entry
 */
export async function showBootConsole(g: Session): Promise<readonly string[]> {
  const registry = new GuestRegistry(g, 'prepare_boot');
  return registry.withHive({ kind: 'machine', hive: 'BCD' }, true, async (hive) => {
    const elements = (object: string): string => `Objects\\${object}\\Elements`;
    const chosen = await (await hive.key(`${elements(BOOT_MANAGER)}\\${DEFAULT_OBJECT}`))?.value('Element');
    const id = textOf(chosen);
    const key = id === undefined ? undefined : await hive.key(elements(id));
    if (id === undefined || key === undefined) {
      throw new FsError('ENOENT', { operation: 'prepare_boot', path: 'BCD', reason: 'there is no default entry' });
    }
    if (!(await key.deleteSubkey(GRAPHICS_MODE_DISABLED))) return [];
    await hive.commit();
    return [id];
  });
}
