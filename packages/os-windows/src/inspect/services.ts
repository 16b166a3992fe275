import type { WindowsService } from '@vmcraft/core';
import { type HiveReader, numberOf, textOf } from './hive-reader.js';

/** Values of `Start` ([MS-SCMR] 2.2.15, dwStartType). */
const STARTS = ['boot', 'system', 'auto', 'manual', 'disabled'] as const;
/** Bits of `Type` that only drivers have ([MS-SCMR] 2.2.15, dwServiceType). */
const DRIVER_TYPES = 0x0f;

/** Services and drivers of a control set, by name. */
export async function readServices(system: HiveReader, controlSet: string): Promise<readonly WindowsService[]> {
  const services: WindowsService[] = [];
  for (const key of await system.subkeys(`${controlSet}\\Services`)) {
    const values = new Map<string, Awaited<ReturnType<typeof key.value>>>();
    for (const value of await system.values(`${controlSet}\\Services\\${key.name}`))
      values.set(value.name.toLowerCase(), value);
    const type = numberOf(values.get('type'));
    const start = numberOf(values.get('start'));
    // Keys without these hold settings of performance counters and the like.
    if (type === undefined || start === undefined) continue;
    const optional = {
      displayName: textOf(values.get('displayname')),
      imagePath: textOf(values.get('imagepath')),
      group: textOf(values.get('group')),
    };
    services.push({
      name: key.name,
      kind: (type & DRIVER_TYPES) === 0 ? 'service' : 'driver',
      start: STARTS[start] ?? String(start),
      ...(Object.fromEntries(
        Object.entries(optional).filter(([, text]) => text !== undefined),
      ) as Partial<WindowsService>),
    });
  }
  return services;
}
