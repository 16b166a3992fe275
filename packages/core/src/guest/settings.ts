/** Settings of the handle. Those that only concern an appliance are kept and given back, and have no effect. */
export interface SessionSettings {
  append: string | null;
  autosync: boolean;
  backend: string;
  backendSettings: string[];
  cachedir: string | null;
  direct: boolean;
  hv: string;
  identifier: string;
  memsize: number;
  network: boolean;
  path: string | null;
  pgroup: boolean;
  program: string;
  recoveryProc: boolean;
  selinux: boolean;
  smp: number;
  tmpdir: string | null;
  trace: boolean;
  verbose: boolean;
}

/** Megabytes of the appliance that guestfs starts by default; kept for `get_memsize` only. */
const DEFAULT_MEMSIZE = 1280;

/** Settings of a new handle, as guestfs(3) documents the defaults. */
export function defaultSettings(program: string): SessionSettings {
  return {
    append: null,
    autosync: true,
    backend: 'native',
    backendSettings: [],
    cachedir: null,
    direct: false,
    hv: '',
    identifier: '',
    memsize: DEFAULT_MEMSIZE,
    network: false,
    path: null,
    pgroup: false,
    program,
    recoveryProc: true,
    selinux: false,
    smp: 1,
    tmpdir: null,
    trace: false,
    verbose: false,
  };
}
