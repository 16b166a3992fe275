/** What `-m` says: device, mount point, options and file-system type. */
export interface MountOption {
  readonly device: string;
  readonly mountpoint: string;
  readonly options?: string;
  readonly fstype?: string;
}

/**
 * Take `dev[:mountpoint[:options[:fstype]]]` apart. The colons of `btrfsvol:/dev/…` belong to the device.
 */
export function parseMountOption(text: string): MountOption {
  const prefix = /^[a-z]+vol:(?=\/dev\/)/.exec(text)?.[0] ?? '';
  const [device = '', mountpoint, options, ...fstype] = text.slice(prefix.length).split(':');
  return {
    device: prefix + device,
    mountpoint: mountpoint === undefined || mountpoint === '' ? '/' : mountpoint,
    ...(options === undefined ? {} : { options }),
    ...(fstype.length === 0 ? {} : { fstype: fstype.join(':') }),
  };
}
