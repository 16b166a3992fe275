import type { BlockDevice } from '@vmcraft/core/contracts';
import type { ConfigSection, ConfigValue } from '../src/config-text.js';
import { editGroup } from '../src/edit/edit-group.js';
import { scanGroups } from '../src/group-scan.js';

/** Change the metadata of the only group on some disks. */
export async function edit(
  disks: readonly BlockDevice[],
  change: (section: ConfigSection) => void,
  name?: string,
): Promise<void> {
  const inputs = disks.map((device) => ({ device }));
  const { groups } = await scanGroups(inputs, () => undefined);
  await editGroup(groups[0]!, 'test', change, name);
}

/** The first segment of a volume. */
export function segmentOf(section: ConfigSection, volume: string): ConfigSection {
  const lv = (section.get('logical_volumes') as ConfigSection).get(volume) as ConfigSection;
  return lv.get('segment1') as ConfigSection;
}

/** Let the origin of the fixture `snapshot` lie on a disk that nobody has. */
export async function loseOrigin(disks: readonly BlockDevice[]): Promise<void> {
  await edit(disks, (section) => {
    const pvs = section.get('physical_volumes') as ConfigSection;
    const lost = new Map<string, ConfigValue>(pvs.get('pv0') as ConfigSection);
    lost.set('id', 'aaaaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa').set('device', '/dev/sdz');
    pvs.set('pv1', lost);
    segmentOf(section, 'origin').set('stripes', ['pv1', 0]);
  });
}
