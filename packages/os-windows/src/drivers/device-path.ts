import type { RegistryEditor } from '../volume/registry-editor.js';

const KEY = 'Microsoft\\Windows\\CurrentVersion';
const DEFAULT = '%SystemRoot%\\inf';

/** Append a folder to those in which plug and play looks for drivers, once. */
export async function appendDevicePath(software: RegistryEditor, folder: string): Promise<void> {
  const existing = await software.data(KEY, 'DevicePath');
  const folders = typeof existing === 'string' && existing.trim() !== '' ? existing.split(';') : [DEFAULT];
  if (folders.some((known) => normal(known) === normal(folder))) return;
  await software.setExpandString(KEY, 'DevicePath', [...folders, folder].join(';'));
}

const normal = (path: string): string => path.trim().replace(/\\+$/, '').toLowerCase();
