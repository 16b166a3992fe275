import { CapabilityError, UsageError } from '../../errors/index.js';
import { arg, BufferIn, defineAction, Int, OptString, PlainString, StringList } from '../action.js';
import { applyEnvironment, VARIABLES } from '../environment.js';
import { featureGroups, hasFeature } from '../features.js';
import type { Session } from '../session.js';
import { unavailable } from './unavailable.js';

/** How the stand-in for `feature_available` is called. */
type FeatureQuestion = (g: Session, groups: readonly string[], options: object) => Promise<unknown>;

const groups = arg('groups', StringList(PlainString));
const index = arg('index', Int);
const CREDENTIALS = 'no drive asks for credentials';
/** Version of the libguestfs interface that is spoken here. */
const VERSION = { major: 1, minor: 61, release: 0, extra: 'vmcraft' };

/** Groups that do not work here. @throws UsageError for one that does not exist */
function missingFeatures(g: Session, list: readonly string[]): string[] {
  return list.filter((group) => {
    const has = hasFeature(g, group);
    if (has === undefined) throw new UsageError(`'${group}' is no group of functions`, { argument: 'groups' });
    return !has;
  });
}

/** Those that neither this process nor a stand-in has. */
async function missingAnywhere(g: Session, list: readonly string[]): Promise<string[]> {
  const missing = missingFeatures(g, list);
  const ask = g.alternatives.get('feature_available');
  if (missing.length === 0 || ask === undefined) return missing;
  const isThere = async (group: string) => (await (ask.run as FeatureQuestion)(g, [group], {})) === true;
  const answers = await Promise.all(missing.map(isThere));
  return missing.filter((_, i) => answers[i] === false);
}

/** Functions of the session itself: launch, shutdown, synchronise, and questions about it. */
export const handleSessionActions = [
  defineAction({
    name: 'launch',
    theme: 'handle-appliance',
    aliases: ['run'],
    anytime: true,
    args: [],
    returns: 'void',
    doc: 'Open the drives that were added and find the partitions and volumes on them. Nothing is started: it takes milliseconds.',
    run: (g) => g.launch(),
  }),
  defineAction({
    name: 'shutdown',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'void',
    doc: 'Commit what was written (unless autosync is off) and close the disks. Calling it again does nothing.',
    run: (g) => g.shutdown(),
  }),
  defineAction({
    name: 'kill_subprocess',
    theme: 'handle-appliance',
    deprecatedBy: 'shutdown',
    anytime: true,
    args: [],
    returns: 'void',
    doc: 'As `shutdown`.',
    run: (g) => g.shutdown(),
  }),
  defineAction({
    name: 'sync',
    theme: 'handle-appliance',
    args: [],
    returns: 'void',
    doc: 'Write everything to the image files and commit it: after this, it is there whatever happens.',
    run: (g) => g.sync(),
  }),
  defineAction({
    name: 'drop_caches',
    theme: 'handle-appliance',
    args: [arg('whattodrop', Int)],
    returns: 'void',
    doc: 'Synchronise. There is no kernel whose caches could be dropped.',
    run: (g) => g.sync(),
  }),
  defineAction({
    name: 'user_cancel',
    theme: 'handle-appliance',
    anytime: true,
    immediate: true,
    args: [],
    returns: 'void',
    doc: 'Cancel the call that runs now: transfers and walks stop at the next chunk.',
    run: (g) => g.cancel(),
  }),
  defineAction({
    name: 'sleep',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('secs', Int)],
    returns: 'void',
    doc: 'Wait for a number of seconds.',
    run: (g, seconds) => g.platform.sleep(Math.max(0, seconds) * 1000, g.signal),
  }),
  defineAction({
    name: 'ping_daemon',
    theme: 'handle-appliance',
    args: [],
    returns: 'void',
    doc: 'Succeeds when the session is open.',
    run: (g) => void g.opened,
  }),
  defineAction({
    name: 'echo_daemon',
    theme: 'handle-appliance',
    args: [arg('words', StringList(PlainString))],
    returns: 'RString',
    doc: 'The words with a space between each.',
    run: (_g, words) => words.join(' '),
  }),
  defineAction({
    name: 'dmesg',
    theme: 'handle-appliance',
    args: [],
    returns: 'RString',
    doc: 'The warnings of the session so far, one a line: what a kernel would have logged.',
    run: (g) => g.warnings.map(({ source, message }) => `${source}: ${message}\n`).join(''),
  }),
  defineAction({
    name: 'available',
    theme: 'handle-appliance',
    args: [groups],
    returns: 'void',
    doc: 'Fails unless all these groups of functions are available.',
    run: async (g, list) => {
      const [missing] = await missingAnywhere(g, list);
      if (missing !== undefined) throw new CapabilityError({ capability: missing, subject: 'this session' });
    },
  }),
  defineAction({
    name: 'feature_available',
    theme: 'handle-appliance',
    args: [groups],
    returns: 'RBool',
    doc: 'Whether all these groups of functions are available.',
    run: async (g, list) => (await missingAnywhere(g, list)).length === 0,
  }),
  defineAction({
    name: 'available_all_groups',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'RStringList',
    doc: 'All groups of functions, available or not.',
    run: () => featureGroups(),
  }),
  defineAction({
    name: 'version',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: { struct: 'version' },
    doc: 'Version of the libguestfs interface that is spoken here.',
    run: () => VERSION,
  }),
  defineAction({
    name: 'utsname',
    theme: 'handle-appliance',
    args: [],
    returns: { struct: 'utsname' },
    doc: 'What stands in for the kernel of an appliance. Only for debugging.',
    run: () => ({ uts_sysname: 'VMCraft', uts_release: 'in-process', uts_version: 'no kernel', uts_machine: '' }),
  }),
  defineAction({
    name: 'c_pointer',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'RInt64',
    doc: 'The address of the C handle. There is none: 0.',
    run: () => 0,
  }),
  defineAction({
    name: 'get_pid',
    theme: 'handle-appliance',
    aliases: ['pid'],
    args: [],
    returns: 'RInt',
    doc: 'The process that does the work: this one.',
    run: (g) => g.platform.process.pid,
  }),
  defineAction({
    name: 'is_config',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'RBool',
    doc: 'Whether the session is not launched yet.',
    run: (g) => g.state === 'config',
  }),
  defineAction({
    name: 'config',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('hvparam', PlainString), arg('hvvalue', OptString)],
    returns: 'void',
    doc: 'A parameter for the hypervisor. There is none: it is ignored, with a warning.',
    run: (g, parameter) => {
      g.requireConfig('config');
      g.warn({ source: 'config', message: `${parameter} is ignored: there is no hypervisor` });
    },
  }),
  defineAction({
    name: 'modprobe',
    theme: 'handle-appliance',
    group: 'linuxmodules',
    args: [arg('modulename', PlainString)],
    returns: 'void',
    doc: 'Load a kernel module. Not available: there is no kernel.',
    run: () => {
      throw unavailable('modprobe', 'there is no kernel to load modules into');
    },
  }),
  defineAction({
    name: 'parse_environment',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'void',
    doc: 'Take settings from the variables `LIBGUESTFS_DEBUG`, `LIBGUESTFS_TRACE` and the others that guestfs(3) lists.',
    run: (g) => {
      const set = new Map<string, string>();
      for (const name of VARIABLES) set.set(name, g.platform.env(name) ?? '');
      applyEnvironment(g, set);
    },
  }),
  defineAction({
    name: 'parse_environment_list',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('environment', StringList(PlainString))],
    returns: 'void',
    doc: 'As `parse_environment`, from a list of `NAME=value`.',
    run: (g, list) => {
      const pairs = list.map((entry) => entry.split(/=(.*)/s, 2) as [string, string?]);
      applyEnvironment(g, new Map(pairs.map(([name, value = '']) => [name, value])));
    },
  }),
  defineAction({
    name: 'get_libvirt_requested_credentials',
    theme: 'handle-appliance',
    anytime: true,
    args: [],
    returns: 'RStringList',
    doc: 'Kinds of credentials that libvirt asks for: none.',
    run: () => [],
  }),
  defineAction({
    name: 'get_libvirt_requested_credential_prompt',
    theme: 'handle-appliance',
    anytime: true,
    args: [index],
    returns: 'RString',
    doc: 'Not available: nothing asks for credentials.',
    run: () => {
      throw unavailable('get_libvirt_requested_credential_prompt', CREDENTIALS);
    },
  }),
  defineAction({
    name: 'get_libvirt_requested_credential_challenge',
    theme: 'handle-appliance',
    anytime: true,
    args: [index],
    returns: 'RString',
    doc: 'Not available: nothing asks for credentials.',
    run: () => {
      throw unavailable('get_libvirt_requested_credential_challenge', CREDENTIALS);
    },
  }),
  defineAction({
    name: 'get_libvirt_requested_credential_defresult',
    theme: 'handle-appliance',
    anytime: true,
    args: [index],
    returns: 'RString',
    doc: 'Not available: nothing asks for credentials.',
    run: () => {
      throw unavailable('get_libvirt_requested_credential_defresult', CREDENTIALS);
    },
  }),
  defineAction({
    name: 'set_libvirt_requested_credential',
    theme: 'handle-appliance',
    anytime: true,
    args: [index, arg('cred', BufferIn)],
    returns: 'void',
    doc: 'Not available: nothing asks for credentials.',
    run: () => {
      throw unavailable('set_libvirt_requested_credential', CREDENTIALS);
    },
  }),
  defineAction({
    name: 'set_libvirt_supported_credentials',
    theme: 'handle-appliance',
    anytime: true,
    args: [arg('creds', StringList(PlainString))],
    returns: 'void',
    doc: 'Which credentials the caller could give. Accepted; nothing asks for any.',
    run: () => undefined,
  }),
] as const;
