import { UsageError } from '../errors/index.js';

/** Capability numbers by name: Linux `uapi/linux/capability.h`, in order from 0. */
const NAMES = [
  ...['chown', 'dac_override', 'dac_read_search', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'],
  ...['linux_immutable', 'net_bind_service', 'net_broadcast', 'net_admin', 'net_raw', 'ipc_lock', 'ipc_owner'],
  ...['sys_module', 'sys_rawio', 'sys_chroot', 'sys_ptrace', 'sys_pacct', 'sys_admin', 'sys_boot', 'sys_nice'],
  ...['sys_resource', 'sys_time', 'sys_tty_config', 'mknod', 'lease', 'audit_write', 'audit_control', 'setfcap'],
  ...['mac_override', 'mac_admin', 'syslog', 'wake_alarm', 'block_suspend', 'audit_read', 'perfmon', 'bpf'],
  'checkpoint_restore',
].map((name) => `cap_${name}`);
/** Bits that a file can have. */
const BITS = 64;
const LETTERS = { e: 1, p: 2, i: 4 } as const;

/** For each capability the sets it is in: effective 1, permitted 2, inheritable 4. */
export type CapabilitySets = Uint8Array;

export function noCapabilities(): CapabilitySets {
  return new Uint8Array(BITS);
}

/** Letters of flags in the order in which libcap writes them. */
function flagText(flags: number): string {
  return `${(flags & 1) !== 0 ? 'e' : ''}${(flags & 4) !== 0 ? 'i' : ''}${(flags & 2) !== 0 ? 'p' : ''}`;
}

/** The text form that cap_to_text(3) gives: the commonest state first, then what differs from it. */
export function formatCapabilities(sets: CapabilitySets): string {
  const counts = new Array<number>(8).fill(0);
  for (let bit = 0; bit < NAMES.length; bit++) counts[sets[bit]!]! += 1;
  let base = 7;
  for (let state = 6; state >= 0; state--) if (counts[state]! >= counts[base]!) base = state;
  const clauses = clausesOf(sets, 0, NAMES.length, base);
  if (base === 0 && clauses.length > 0) clauses[0] = clauses[0]!.replace('+', '=');
  else clauses.unshift(`=${flagText(base)}`);
  return [...clauses, ...clausesOf(sets, NAMES.length, BITS, 0)].join(' ');
}

/** One clause for each state of the bits from `start` up to `end` other than `base`. */
function clausesOf(sets: CapabilitySets, start: number, end: number, base: number): string[] {
  const clauses: string[] = [];
  for (let state = 7; state >= 0; state--) {
    if (state === base) continue;
    const names: string[] = [];
    for (let bit = start; bit < end; bit++) if (sets[bit] === state) names.push(NAMES[bit] ?? String(bit));
    if (names.length === 0) continue;
    const added = flagText(state & ~base);
    const removed = flagText(base & ~state);
    clauses.push(`${names.join(',')}${added === '' ? '' : `+${added}`}${removed === '' ? '' : `-${removed}`}`);
  }
  return clauses;
}

/** Capabilities of the text form of cap_from_text(3), such as `cap_net_raw,cap_chown=ep cap_kill+i`. @throws UsageError */
export function parseCapabilities(text: string): CapabilitySets {
  const sets = noCapabilities();
  for (const clause of text.split(/\s+/)) if (clause !== '') applyClause(sets, clause);
  return sets;
}

function applyClause(sets: CapabilitySets, clause: string): void {
  const match = /^([^=+-]*)((?:=[eip]*)?(?:[+-][eip]+)*)$/.exec(clause);
  const [, list = '', operations = ''] = match ?? [];
  if (operations === '' || (list === '' && !operations.startsWith('='))) throw invalid(clause);
  const bits = list === '' ? allNamed() : bitsOf(list);
  for (const [, operator, letters = ''] of operations.matchAll(/([=+-])([eip]*)/g)) {
    let flags = 0;
    for (const letter of letters) flags |= LETTERS[letter as keyof typeof LETTERS];
    for (const bit of bits) {
      if (operator === '=') sets[bit] = flags;
      else if (operator === '+') sets[bit]! |= flags;
      else sets[bit]! &= ~flags;
    }
  }
}

const allNamed = (): number[] => NAMES.map((_, bit) => bit);

function bitsOf(list: string): number[] {
  return list.split(',').flatMap((word) => {
    const name = word.toLowerCase();
    if (name === 'all') return allNamed();
    const named = NAMES.indexOf(name);
    if (named >= 0) return [named];
    const isNumber = /^(0x[0-9a-f]{1,2}|0[0-7]{0,3}|[1-9]\d?)$/.test(name);
    const bit = !isNumber ? BITS : /^0\d/.test(name) ? Number.parseInt(name, 8) : Number(name);
    if (bit >= BITS) throw invalid(word);
    return [bit];
  });
}

function invalid(what: string): UsageError {
  return new UsageError(`cap: Invalid argument: '${what}'`, { argument: 'cap' });
}
