import type { Fact } from '@vmcraft/core';
import { MemoryImage } from '../layout-hibernation.js';
import type { CaseTree } from './case-tree.js';

/**
 * Whether hiberfil.sys holds a state that Windows will resume: its signature is `HIBR`. After the resume it is `WAKE`, or zeros.
 * @returns undefined when there is no such file
 */
export async function readHibernation(tree: CaseTree): Promise<Fact<boolean> | undefined> {
  const source = await tree.findFile('/hiberfil.sys');
  const file = source === undefined ? undefined : await tree.files.open(source);
  if (source === undefined || file === undefined) return undefined;
  const head = file.size < MemoryImage.size ? undefined : await file.read(0, MemoryImage.size);
  const signature = head === undefined ? '' : MemoryImage.decode(head).signature;
  return { value: signature.toUpperCase() === 'HIBR', source };
}
