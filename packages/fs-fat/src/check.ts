import type { BlockDevice, CheckReport } from '@vmcraft/core/contracts';
export async function check(_device: BlockDevice): Promise<CheckReport> {
  return { clean: true, findings: [] };
}
