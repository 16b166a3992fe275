import type { BlockDevice } from '@vmcraft/core/contracts';
import { FsError, UsageError } from '@vmcraft/core/errors';
import {
  arg,
  changeDevice,
  Device,
  defineAction,
  Int,
  Int64,
  PlainString,
  type Session,
  StringList,
} from '@vmcraft/core/guest';
import { createArray } from '../create-array.js';
import { arrays, findArray, refresh, stoppedIn } from './shared.js';

const theme = 'md';
const group = 'mdadm';
const DEFAULT_CHUNK = 512 * 1024;

/** Names of levels that guestfs(3) has for md_create. */
const LEVELS: Readonly<Record<string, number>> = {
  linear: -1,
  raid0: 0,
  '0': 0,
  stripe: 0,
  raid1: 1,
  '1': 1,
  mirror: 1,
  raid4: 4,
  '4': 4,
  raid5: 5,
  '5': 5,
  raid6: 6,
  '6': 6,
  raid10: 10,
  '10': 10,
};

interface MakeOptions {
  readonly missingbitmap?: number | undefined;
  readonly nrdevices?: number | undefined;
  readonly spare?: number | undefined;
  readonly chunk?: number | undefined;
  readonly level?: string | undefined;
}

/** Which of the given devices, or none, each slot and spare gets: a bit of the bitmap leaves a place out. */
function placesOf(devices: readonly string[], { missingbitmap = 0, nrdevices, spare = 0 }: MakeOptions) {
  const refuse = (reason: string): never => {
    throw new UsageError(reason, { action: 'md_create' });
  };
  if (missingbitmap < 0 || spare < 0) refuse('missingbitmap and spare are not negative');
  let bits = BigInt(missingbitmap);
  const left = [...devices];
  const places: (string | undefined)[] = [];
  for (; left.length > 0 || bits !== 0n; bits >>= 1n) places.push((bits & 1n) === 1n ? undefined : left.shift());
  const slots = nrdevices ?? places.length - spare;
  if (slots < 1 || slots + spare !== places.length) {
    refuse(`${slots} devices and ${spare} spares are wanted, ${places.length} given with those missing`);
  }
  if (places.slice(slots).includes(undefined)) refuse('a spare cannot be missing');
  return { slots: places.slice(0, slots), spares: places.slice(slots) as string[] };
}

async function make(g: Session, name: string, devices: readonly string[], options: MakeOptions): Promise<void> {
  const action = 'md_create';
  const names = devices.map((device) => g.device(device, action).name);
  if (new Set(names).size !== names.length) throw new UsageError('a device is given twice', { action });
  const level = LEVELS[options.level ?? 'raid1'];
  if (level === undefined) throw new UsageError(`no level '${options.level}'`, { action });
  const { slots, spares } = placesOf(names, options);
  if (arrays(g).some((d) => d.aliases?.includes(`/dev/md/${name}`) === true)) {
    throw new FsError('EEXIST', {
      operation: action,
      path: `/dev/md/${name}`,
      reason: 'there is an array of this name',
    });
  }
  const opened = new Map<string, BlockDevice>();
  // All devices are checked, and taken, before the first is written.
  const take = async (rest: readonly string[]): Promise<void> => {
    const [next, ...others] = rest;
    if (next !== undefined) {
      return changeDevice(g, next, action, (device) => {
        opened.set(next, device);
        return take(others);
      });
    }
    const chunkSize = options.chunk ?? DEFAULT_CHUNK;
    const deviceOf = (place: string | undefined) => (place === undefined ? undefined : opened.get(place));
    await createArray({
      name,
      level,
      chunkSize,
      slots: slots.map(deviceOf),
      spares: spares.map((place) => opened.get(place)!),
    });
  };
  await take(names);
  await refresh(g);
}

async function stop(g: Session, device: string): Promise<void> {
  const { array } = await findArray(g, device, 'md_stop');
  await g.exclusiveDevice(array.name, 'md_stop');
  const used = [array, ...g.storage.childrenOf(array.name)].flatMap((d) => g.storage.childrenOf(d.name));
  const user = used.find((d) => d.kind === 'volume');
  if (user !== undefined) {
    throw new FsError('EBUSY', { operation: 'md_stop', path: array.name, reason: `${user.name} is made from it` });
  }
  stoppedIn(g).add(array.name);
  await refresh(g);
}

/** Actions that make and stop arrays. */
export const makeActions = [
  defineAction({
    name: 'md_create',
    theme,
    group,
    args: [arg('name', PlainString), arg('devices', StringList(Device))],
    options: { missingbitmap: Int64, nrdevices: Int, spare: Int, chunk: Int64, level: PlainString },
    returns: 'void',
    doc: 'Make an md array `/dev/md/NAME` with metadata 1.2 on the devices. `level` is `linear`, `raid0`, `raid1` (when not given), `raid4`, `raid5`, `raid6` or `raid10`; a bit of `missingbitmap` leaves a place empty; `nrdevices` and `spare` count members and spares; `chunk` is in bytes. Linux makes the redundancy right when it first runs the array.',
    run: make,
  }),
  defineAction({
    name: 'md_stop',
    theme,
    group,
    args: [arg('md', Device)],
    returns: 'void',
    doc: 'Stop an md array; nothing on it may be in use. It comes up again when the guest is opened again.',
    run: stop,
  }),
] as const;
