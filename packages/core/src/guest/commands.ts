import type { ByteSink, CommandOptions, CommandResult, CommandRunner, TreeRunner } from '../contracts/index.js';
import { CapabilityError, CommandError, NoProviderError } from '../errors/index.js';
import { unavailable } from './actions/unavailable.js';
import type { Session } from './session.js';

/** The last characters of standard error that an error tells. */
const MAX_STDERR = 16 * 1024;

/** Runs programs of the guest, over what is mounted. */
export class GuestCommands {
  /** Mounts that programs do not see; told once. */
  #told = new Set<string>();

  constructor(private readonly session: Session) {}

  /**
   * Run a program of the guest; whatever its status is, that is the result.
   * @throws NoProviderError when nothing here can, CapabilityError when nothing is mounted on `/`
   */
  async run(argv: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    const { session } = this;
    const runner = this.#ofBackend() ?? (await this.#overMounts());
    return session.clock.time('command', () => runner.run(argv, { signal: session.signal, ...options }));
  }

  /** Run a program, and give its standard output. @throws CommandError when its status is not 0 */
  async output(argv: readonly string[], options: CommandOptions = {}): Promise<Uint8Array> {
    const { status, stdout, stderr } = await this.run(argv, options);
    if (status === 0) return stdout;
    throw new CommandError({ command: argv[0] ?? '', status, stderr: new TextDecoder().decode(stderr) });
  }

  /** Run a program whose standard output goes to a sink as it comes. @throws CommandError when its status is not 0 */
  async pour(argv: readonly string[], sink: ByteSink, options: CommandOptions = {}): Promise<void> {
    let stderr = '';
    const decoder = new TextDecoder();
    const { status } = await this.run(argv, {
      ...options,
      onOutput: (stream, chunk) => {
        if (stream === 1) return sink.write(chunk);
        stderr = (stderr + decoder.decode(chunk, { stream: true })).slice(-MAX_STDERR);
      },
    });
    if (status !== 0) throw new CommandError({ command: argv[0] ?? '', status, stderr });
  }

  /** A backend whose devices are not ours runs programs itself. */
  #ofBackend(): CommandRunner | undefined {
    return this.session.opened.drives.find(({ session }) => session.commandRunner !== undefined)?.session.commandRunner;
  }

  /** @throws CapabilityError that lets another way be tried */
  async #runner(): Promise<TreeRunner> {
    try {
      const runner = await this.session.services.treeRunner?.();
      if (runner !== undefined) return runner;
    } catch (error) {
      if (!(error instanceof NoProviderError)) throw error;
      throw unavailable('command', error.message);
    }
    throw unavailable('command', 'nothing that is installed runs programs of a guest');
  }

  async #overMounts(): Promise<CommandRunner> {
    const { mounts, vfs } = this.session;
    if (!mounts.any || this.session.vfs.mountPath(vfs.mounts[0]!) !== '/') {
      throw new CapabilityError({ capability: 'exec', subject: 'the guest', reason: 'mount its root on / first' });
    }
    const runner = await this.#runner();
    for (const { source, reason } of await this.#moveTo(runner.driver)) {
      if (this.#told.has(source)) continue;
      this.#told.add(source);
      this.session.warn({ source, message: `commands do not see it: ${reason}` });
    }
    const tree = vfs.mounts.map((mount) => ({
      fs: mount.fs,
      path: vfs.mountPath(mount),
      source: mount.source,
      readonly: mount.readonly,
    }));
    // Names that were looked up before may mean something else afterwards.
    vfs.forget();
    return runner.over(tree.filter(({ fs }) => fs.identity.driver === runner.driver));
  }

  /** @throws CapabilityError that lets another way be tried, when the root cannot be moved */
  async #moveTo(driver: string): Promise<readonly { readonly source: string; readonly reason: string }[]> {
    try {
      return await this.session.mounts.moveTo(driver);
    } catch (error) {
      if (!(error instanceof NoProviderError || error instanceof CapabilityError)) throw error;
      throw unavailable('command', error.message);
    }
  }
}
