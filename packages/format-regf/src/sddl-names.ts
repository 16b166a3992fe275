/** Names that SDDL has for security identifiers that are the same everywhere. [MS-DTYP] sections 2.4.2.4 and 2.5.1.1. */
export const SID_NAMES: ReadonlyMap<string, string> = new Map([
  ['WD', 'S-1-1-0'],
  ['CO', 'S-1-3-0'],
  ['CG', 'S-1-3-1'],
  ['OW', 'S-1-3-4'],
  ['NU', 'S-1-5-2'],
  ['IU', 'S-1-5-4'],
  ['SU', 'S-1-5-6'],
  ['AN', 'S-1-5-7'],
  ['ED', 'S-1-5-9'],
  ['PS', 'S-1-5-10'],
  ['AU', 'S-1-5-11'],
  ['RC', 'S-1-5-12'],
  ['SY', 'S-1-5-18'],
  ['LS', 'S-1-5-19'],
  ['NS', 'S-1-5-20'],
  ['BA', 'S-1-5-32-544'],
  ['BU', 'S-1-5-32-545'],
  ['BG', 'S-1-5-32-546'],
  ['PU', 'S-1-5-32-547'],
  ['AO', 'S-1-5-32-548'],
  ['SO', 'S-1-5-32-549'],
  ['PO', 'S-1-5-32-550'],
  ['BO', 'S-1-5-32-551'],
  ['RE', 'S-1-5-32-552'],
  ['RU', 'S-1-5-32-554'],
  ['RD', 'S-1-5-32-555'],
  ['NO', 'S-1-5-32-556'],
  ['MU', 'S-1-5-32-558'],
  ['LU', 'S-1-5-32-559'],
  ['IS', 'S-1-5-32-568'],
  ['CY', 'S-1-5-32-569'],
  ['ER', 'S-1-5-32-573'],
  ['CD', 'S-1-5-32-574'],
  ['RA', 'S-1-5-32-575'],
  ['ES', 'S-1-5-32-576'],
  ['MS', 'S-1-5-32-577'],
  ['HA', 'S-1-5-32-578'],
  ['AA', 'S-1-5-32-579'],
  ['RM', 'S-1-5-32-580'],
  ['WR', 'S-1-5-33'],
  ['UD', 'S-1-5-84-0-0-0-0-0'],
  ['AC', 'S-1-15-2-1'],
  ['LW', 'S-1-16-4096'],
  ['ME', 'S-1-16-8192'],
  ['MP', 'S-1-16-8448'],
  ['HI', 'S-1-16-12288'],
  ['SI', 'S-1-16-16384'],
  ['AS', 'S-1-18-1'],
  ['SS', 'S-1-18-2'],
]);

/** Names whose identifier depends on the domain or the machine, which a hive does not tell. */
export const DOMAIN_SID_NAMES: ReadonlySet<string> = new Set([
  ...['LA', 'LG', 'DA', 'DU', 'DG', 'DC', 'DD', 'CA', 'SA', 'EA', 'PA', 'CN', 'AP', 'KA', 'EK', 'RO', 'RS'],
]);

/** [MS-DTYP] section 2.5.1.1, ACE types. */
export const ACE_TYPES: ReadonlyMap<string, number> = new Map([
  ['A', 0x00],
  ['D', 0x01],
  ['AU', 0x02],
  ['AL', 0x03],
  ['OA', 0x05],
  ['OD', 0x06],
  ['OU', 0x07],
  ['OL', 0x08],
  ['XA', 0x09],
  ['XD', 0x0a],
  ['ZA', 0x0b],
  ['XU', 0x0d],
  ['ML', 0x11],
  ['RA', 0x12],
  ['SP', 0x13],
  ['TL', 0x14],
]);

/** ACE flags, in the order they are written. */
export const ACE_FLAGS: ReadonlyMap<string, number> = new Map([
  ['OI', 0x01],
  ['CI', 0x02],
  ['NP', 0x04],
  ['IO', 0x08],
  ['ID', 0x10],
  ['SA', 0x40],
  ['FA', 0x80],
]);

/** Rights that stand for a whole mask. Of those with the same mask the first is written. */
export const WHOLE_RIGHTS: ReadonlyMap<string, number> = new Map([
  ['KA', 0x000f003f],
  ['KR', 0x00020019],
  ['KW', 0x00020006],
  ['KX', 0x00020019],
  ['FA', 0x001f01ff],
  ['FR', 0x00120089],
  ['FW', 0x00120116],
  ['FX', 0x001200a0],
]);

/** Rights of single bits, in the order they are written. */
export const SINGLE_RIGHTS: ReadonlyMap<string, number> = new Map([
  ['GA', 0x10000000],
  ['GR', 0x80000000],
  ['GW', 0x40000000],
  ['GX', 0x20000000],
  ['CC', 0x00000001],
  ['DC', 0x00000002],
  ['LC', 0x00000004],
  ['SW', 0x00000008],
  ['RP', 0x00000010],
  ['WP', 0x00000020],
  ['DT', 0x00000040],
  ['LO', 0x00000080],
  ['CR', 0x00000100],
  ['SD', 0x00010000],
  ['RC', 0x00020000],
  ['WD', 0x00040000],
  ['WO', 0x00080000],
]);

/** Rights of mandatory labels. */
export const LABEL_RIGHTS: ReadonlyMap<string, number> = new Map([
  ['NW', 0x1],
  ['NR', 0x2],
  ['NX', 0x4],
]);

/** Type of a mandatory label entry. */
export const LABEL_TYPE = 0x11;
/** How SDDL writes an ACL that is there but null. */
export const NULL_ACL = 'NO_ACCESS_CONTROL';
