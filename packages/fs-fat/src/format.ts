import type { BlockDevice, FormatOptions } from '@vmcraft/core/contracts';
export async function format(_device: BlockDevice, _type: string, _options: FormatOptions): Promise<void> {}
