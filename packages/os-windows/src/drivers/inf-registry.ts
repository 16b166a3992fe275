import { type InfRegChange, REG } from '../inf/index.js';
import type { RegistryEditor } from '../volume/registry-editor.js';

/**
 * Do what AddReg and DelReg entries say, those that are relative (HKR) to a key. Others are left to Windows, which does them when it
 * installs the device.
 * @returns the entries that were left
 */
export async function applyRelative(
  editor: RegistryEditor,
  base: string,
  changes: readonly InfRegChange[],
): Promise<readonly InfRegChange[]> {
  const left: InfRegChange[] = [];
  for (const change of changes) {
    if (change.root === 'HKR') await applyOne(editor, base, change);
    else left.push(change);
  }
  return left;
}

async function applyOne(editor: RegistryEditor, base: string, change: InfRegChange): Promise<void> {
  const { name, value } = change;
  const key = change.key === '' ? base : `${base}\\${change.key}`;
  switch (change.action) {
    case 'add-key':
      await editor.createKey(key);
      return;
    case 'delete-key':
      if (change.key !== '') await editor.deleteKey(key);
      return;
    case 'delete-value':
      return editor.deleteValue(key, name);
    case 'remove-string':
      if (value !== undefined && 'text' in value) await editor.removeString(key, name, value.text);
      return;
    case 'append':
      if (value !== undefined && 'list' in value) await editor.addStrings(key, name, value.list);
      return;
    case 'set': {
      const exists = change.condition === undefined ? undefined : (await editor.data(key, name)) !== undefined;
      if (exists === (change.condition === 'if-missing') && exists !== undefined) return;
      if (value !== undefined) await setValue(editor, key, name, value);
    }
  }
}

async function setValue(
  editor: RegistryEditor,
  key: string,
  name: string,
  value: NonNullable<InfRegChange['value']>,
): Promise<void> {
  if ('text' in value) await editor.set(key, name, value.type, value.text);
  else if ('list' in value) await editor.set(key, name, REG.MULTI_SZ, value.list);
  else if ('number' in value) await editor.set(key, name, REG.DWORD, value.number);
  else await editor.set(key, name, value.type, value.bytes);
}
