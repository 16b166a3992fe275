import type { QuotaGroup } from '@vmcraft/core/contracts';
import { Id, LimitFlag, QGROUP_LEVEL, QGROUP_ON, QgroupInfo, QgroupLimit, QgroupStatus, Type } from './layout.js';
import { LAST_OFFSET, type Tree } from './tree.js';
import type { Volume } from './volume.js';

/** Quota groups with what they count, by level and id; undefined when quotas are off. @throws CorruptImageError */
export async function quotaGroups(volume: Volume): Promise<readonly QuotaGroup[] | undefined> {
  const tree = await volume.tree(Id.quotaTree);
  const status = await tree?.find({ objectid: 0, type: Type.qgroupStatus, offset: 0 });
  if (tree === undefined || status === undefined || (QgroupStatus.decode(status.data).flags & QGROUP_ON) === 0n) {
    return undefined;
  }
  const from = { objectid: 0, type: Type.qgroupInfo, offset: 0 };
  const groups: QuotaGroup[] = [];
  for await (const { offset, data } of tree.range(from, { ...from, offset: LAST_OFFSET })) {
    const { referenced, exclusive } = QgroupInfo.decode(data);
    const id = `${Math.floor(offset / QGROUP_LEVEL)}/${offset % QGROUP_LEVEL}`;
    const sizes = { referenced: Number(referenced), exclusive: Number(exclusive) };
    groups.push({ id, ...sizes, ...(await limitsOf(tree, offset)) });
  }
  return groups;
}

async function limitsOf(tree: Tree, group: number): Promise<Pick<QuotaGroup, 'maxReferenced' | 'maxExclusive'>> {
  const item = await tree.find({ objectid: 0, type: Type.qgroupLimit, offset: group });
  if (item === undefined) return { maxReferenced: undefined, maxExclusive: undefined };
  const { flags, maxReferenced, maxExclusive } = QgroupLimit.decode(item.data);
  const limit = (bit: bigint, value: bigint): number | undefined => ((flags & bit) === 0n ? undefined : Number(value));
  return {
    maxReferenced: limit(LimitFlag.referenced, maxReferenced),
    maxExclusive: limit(LimitFlag.exclusive, maxExclusive),
  };
}
