import { defineAction } from '@vmcraft/core/guest';
import { snapshotsOf } from '../snapshot-relations.js';
import { visibleVolumes } from '../visible-volumes.js';
import { describeGroup, describePv, describeVolume } from './report-values.js';
import { activeVolumes, scan } from './shared.js';

const theme = 'lvm';
const group = 'lvm2';
const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1);

/** Actions that list what LVM there is. */
export const reportActions = [
  defineAction({
    name: 'pvs',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'Names of the devices that are physical volumes.',
    run: async (g) => (await scan(g)).pvs.map((pv) => pv.name),
  }),
  defineAction({
    name: 'vgs',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'Names of the volume groups.',
    run: async (g) => (await scan(g)).groups.map((found) => found.group.name),
  }),
  defineAction({
    name: 'lvs',
    theme,
    group,
    args: [],
    returns: 'RStringList',
    doc: 'Names of the logical volumes, `/dev/VG/LV`, without pools and parts of others.',
    run: async (g) =>
      (await scan(g)).groups.flatMap(({ group: vg }) =>
        [...visibleVolumes(vg)].sort(byName).map((lv) => `/dev/${vg.name}/${lv.name}`),
      ),
  }),
  defineAction({
    name: 'pvs_full',
    theme,
    group,
    args: [],
    returns: { structList: 'lvm_pv' },
    doc: 'All physical volumes with what pvs(8) reports of them.',
    run: async (g) => {
      const { pvs, groups } = await scan(g);
      return pvs.map((pv) => describePv(pv, groups));
    },
  }),
  defineAction({
    name: 'vgs_full',
    theme,
    group,
    args: [],
    returns: { structList: 'lvm_vg' },
    doc: 'All volume groups with what vgs(8) reports of them.',
    run: async (g) => (await scan(g)).groups.map(describeGroup),
  }),
  defineAction({
    name: 'lvs_full',
    theme,
    group,
    args: [],
    returns: { structList: 'lvm_lv' },
    doc: 'All logical volumes with what lvs(8) reports of them, pools included.',
    run: async (g) =>
      (await scan(g)).groups.flatMap((found) => {
        const active = new Set(activeVolumes(g, found.group.name));
        const { hidden, byStore } = snapshotsOf(found.group);
        return [...found.group.lvs.values()]
          .filter((lv) => !hidden.has(lv.name) && (lv.status.has('VISIBLE') || byStore.has(lv.name)))
          .sort(byName)
          .map((lv) => describeVolume(found, lv, active.has(`/dev/${found.group.name}/${lv.name}`)));
      }),
  }),
] as const;
