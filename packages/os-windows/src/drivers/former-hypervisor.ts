import { START } from '../inf/index.js';
import type { RegistryEditor } from '../volume/registry-editor.js';
import type { GuestWindows } from './guest-windows.js';

/** Drivers that belong to another hypervisor; those that Windows brings itself and needs for its own features are not here. */
const FORMER: Readonly<Record<string, readonly string[]>> = {
  VMware: [
    'pvscsi',
    'vmci',
    'vmhgfs',
    'vmmouse',
    'VMUsbMouse',
    'vmrawdsk',
    'vmxnet',
    'vmxnet3',
    'vmxnet3ndis6',
    'vm3dmp',
    'vm3dmp_loader',
    'vsock',
    'vnetflt',
    'vnetWFP',
    'giappdef',
    'VMMemCtl',
    'VMTools',
    'VGAuthService',
    'vm3dservice',
  ],
  Xen: ['xenbus', 'xenfilt', 'xeniface', 'xennet', 'xenvbd', 'xenvif', 'xendisk', 'xencrsh', 'xenlite', 'xensvc'],
  Parallels: [
    'prl_boot',
    'prl_dd',
    'prl_eth5',
    'prl_fs',
    'prl_memdev',
    'prl_mouf',
    'prl_pv32',
    'prl_pv64',
    'prl_sound',
    'prl_strg',
    'prl_tg',
    'prl_time',
    'prl_uprof',
  ],
  VirtualBox: ['VBoxGuest', 'VBoxMouse', 'VBoxSF', 'VBoxVideo', 'VBoxService', 'VBoxWddm'],
};

/** Classes that one guest may have. */
const MAX_CLASSES = 5_000;

/**
 * Switch off the drivers of other hypervisors (Start = 4) and take them out of the filters of device classes. Nothing is deleted.
 * @param keep services that stay, lower case: those that were just added
 * @returns names of the services switched off
 */
export async function disableFormerDrivers(
  editor: RegistryEditor,
  facts: GuestWindows,
  keep: ReadonlySet<string>,
): Promise<readonly string[]> {
  const disabled: string[] = [];
  for (const name of Object.values(FORMER).flat()) {
    const key = `${facts.controlSet}\\Services\\${name}`;
    if (keep.has(name.toLowerCase()) || !(await editor.hasKey(key))) continue;
    const before = editor.changes.length;
    await editor.setDword(key, 'Start', START.DISABLED);
    if (editor.changes.length > before) disabled.push(name);
  }
  const classes = `${facts.controlSet}\\Control\\Class`;
  const all = (await (await editor.hive.key(classes))?.subkeyNames()) ?? [];
  for (const name of all.slice(0, MAX_CLASSES)) {
    for (const filters of ['UpperFilters', 'LowerFilters']) {
      for (const former of Object.values(FORMER).flat()) {
        if (!keep.has(former.toLowerCase())) await editor.removeString(`${classes}\\${name}`, filters, former);
      }
    }
  }
  return disabled;
}
