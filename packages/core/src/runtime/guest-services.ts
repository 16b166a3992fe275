import { findBackingChild, type IoMetrics } from '../block/index.js';
import type {
  Ability,
  BackendDescriptor,
  BlockBackend,
  BlockDevice,
  BlockSession,
  CreateSpec,
  DriveSpec,
  FileSystem,
  FilesystemDescriptor,
  FsDriver,
  FsSignature,
  HostPlatform,
  KeyStore,
  OsInspector,
  PayloadDecryptor,
  ProviderChoice,
  StorageActivator,
  TreeRunner,
  WarningSink,
} from '../contracts/index.js';
import {
  type CandidateReason,
  CapabilityError,
  isVmcraftError,
  LockedError,
  NoProviderError,
} from '../errors/index.js';
import type { FilesystemRequest, FilesystemSupport, SessionServices, SessionTransaction } from '../guest/index.js';
import { probeSignature } from '../storage/index.js';
import { DeferredActivator } from './deferred-activator.js';
import type { GuestStorage } from './guest-storage.js';
import { nodeCodecs } from './node-codecs.js';
import { otherReader } from './other-readers.js';
import { RegistryDecryptor } from './payload-decryptor.js';
import type { PluginRegistry } from './registry.js';
import { openScratchDrive } from './scratch-drive.js';
import { abilitiesFor, type ProviderRequirement, type SelectionHints, selectProviders } from './selection.js';

/** What the services of one guest are made of. */
export interface GuestServiceParts {
  readonly registry: PluginRegistry;
  readonly platform: HostPlatform;
  readonly metrics: IoMetrics;
  readonly storage: GuestStorage;
  /** Backend that the caller asked for. */
  readonly backend?: string;
}

/** Providers below this rank take seconds to start. */
const PROMPT_RANK = 50;

function withRemedy(state: { readonly reason: string; readonly remedy?: string }): string {
  return state.remedy === undefined ? state.reason : `${state.reason} (${state.remedy})`;
}

/** Providers by capability, for one guest. */
export class GuestServices implements SessionServices {
  readonly platform: HostPlatform;
  readonly metrics: IoMetrics;
  readonly transaction: SessionTransaction;
  onChoice?: (choice: ProviderChoice) => void;
  readonly #registry: PluginRegistry;
  readonly #parts: GuestServiceParts;

  constructor(parts: GuestServiceParts) {
    this.#parts = parts;
    this.#registry = parts.registry;
    this.platform = parts.platform;
    this.metrics = parts.metrics;
    this.transaction = parts.storage.transaction;
  }

  async openDrive(drive: DriveSpec, warn: WarningSink, keys?: KeyStore): Promise<BlockSession> {
    const scheme = drive.uri === undefined ? 'file' : (drive.uri.split(':', 1)[0] ?? '');
    const files = drive.transaction === false ? this.#parts.storage.direct : this.#parts.storage.transactional;
    const context = { files, warn, ...this.#decryptor(keys, warn) };
    const backends = this.#registry.candidates('backend');
    const subject = await this.#formatOf(drive, scheme, (backend) => backend.probe(drive, context));
    const isReadonly = drive.readonly || drive.snapshot !== undefined;
    const abilities: readonly Ability[] = isReadonly ? ['read'] : ['read', 'write'];
    const required: ProviderRequirement = { kind: 'backend', subject, abilities, scheme };
    const { ranked, rejected } = selectProviders(backends, required, this.#hints('backend'));
    const missing: CandidateReason[] = [...rejected];
    const name = drive.path ?? drive.uri ?? '';
    for (const { descriptor } of ranked) {
      const backend = await this.#usable(descriptor, missing);
      if (backend === undefined) continue;
      if (!isReadonly) await this.#refuseParent(drive, warn);
      const session = await backend.open({ ...drive, format: subject, guessed: drive.format === undefined }, context);
      this.#chose(descriptor, name, `${abilities.join(' and ')} ${subject}`, missing);
      return this.#parts.storage.hold(session, drive);
    }
    const hint = isReadonly ? {} : { hint: 'opening it read-only needs less' };
    throw new NoProviderError({ wanted: `open ${name} (${subject})`, candidates: missing, ...hint });
  }

  /** The caller's wish, where it is about providers of this kind: one that reads images, or one that opens file systems. */
  #hints(kind: 'backend' | 'filesystem'): SelectionHints {
    const { backend } = this.#parts;
    if (backend === undefined) return {};
    const knows = (k: 'backend' | 'filesystem') => this.#registry.candidates(k).some(({ name }) => name === backend);
    // A name that nobody has is refused where the drives are opened.
    const isMeant = knows(kind) || (kind === 'backend' && !knows('filesystem'));
    return isMeant ? { provider: backend } : {};
  }

  /** Keep why this provider does the job. */
  #chose(
    { kind, name, rank }: BackendDescriptor | FilesystemDescriptor,
    subject: string,
    job: string,
    passedOver: readonly CandidateReason[],
  ): void {
    const asked = this.#parts.backend === name ? 'was asked for; ' : '';
    this.onChoice?.({ kind, subject, provider: name, reason: `${asked}can ${job}, rank ${rank}`, passedOver });
  }

  #decryptor(keys: KeyStore | undefined, warn: WarningSink): { decryptor?: PayloadDecryptor } {
    if (keys === undefined) return {};
    return { decryptor: new RegistryDecryptor(this.#registry, keys, warn, this.platform.ciphers) };
  }

  /** @throws LockedError when an image beside this one is built on it: writing would destroy that one */
  async #refuseParent({ path, force }: DriveSpec, warn: WarningSink): Promise<void> {
    if (path === undefined || force === true) return;
    const files = this.#parts.storage.host;
    for (const descriptor of this.#registry.candidates('backend')) {
      const backend = await this.#registry.load(descriptor);
      if (backend.backingNameOf === undefined) continue;
      const backingNameOf = (sibling: string) => backend.backingNameOf!(sibling, { files, warn });
      const child = await findBackingChild(files, path, { backingNameOf });
      if (child === undefined) continue;
      const reason = `it is the backing file of ${child}, which writing would destroy`;
      const hint = `open ${child} instead, or a copy of this image`;
      throw new LockedError({ path, reason, force: 'force', hint });
    }
  }

  /** The first backend that knows the bytes says what they are. */
  async #formatOf(
    drive: DriveSpec,
    scheme: string,
    probe: (backend: BlockBackend) => Promise<string | undefined>,
  ): Promise<string> {
    const candidates: CandidateReason[] = [];
    for (const descriptor of this.#registry.candidates('backend')) {
      const { schemes = ['file'] } = descriptor.capabilities;
      if (!schemes.includes(scheme)) {
        candidates.push({ name: descriptor.name, reason: `opens ${schemes.join(', ')}, not ${scheme}` });
        continue;
      }
      const backend = await this.#usable(descriptor, candidates);
      if (backend === undefined) continue;
      const format = await probe(backend);
      if (format !== undefined) return format;
      const what = drive.format === undefined ? 'what is there' : `format '${drive.format}'`;
      candidates.push({ name: descriptor.name, reason: `does not know ${what}` });
    }
    throw new NoProviderError({ wanted: `open ${drive.path ?? drive.uri}`, candidates });
  }

  /** The backend, if it can run here; else undefined and the reason in `missing`. */
  async #usable(descriptor: BackendDescriptor, missing: CandidateReason[]): Promise<BlockBackend | undefined> {
    const backend = await this.#registry.load(descriptor);
    const state = await backend.available();
    if (state.available) return backend;
    missing.push({ name: descriptor.name, reason: withRemedy(state) });
    return undefined;
  }

  async createImage(spec: CreateSpec, warn: WarningSink): Promise<void> {
    const required = { kind: 'backend', subject: spec.format, abilities: ['create'], scheme: 'file' } as const;
    const { ranked, rejected } = selectProviders(this.#registry.candidates('backend'), required);
    const missing: CandidateReason[] = [...rejected];
    for (const { descriptor } of ranked) {
      const backend = await this.#usable(descriptor, missing);
      if (backend?.create !== undefined) return backend.create(spec, { files: this.#parts.storage.direct, warn });
    }
    throw new NoProviderError({ wanted: `create ${spec.format}`, candidates: missing });
  }

  openScratch(size: number, blockSize: 512 | 4096 | undefined): Promise<BlockSession> {
    return openScratchDrive(this.#parts.storage.host, size, blockSize);
  }

  async openFilesystem(request: FilesystemRequest, warn: WarningSink): Promise<FileSystem> {
    const { deviceName, readonly, mountOptions, device, peers, others } = request;
    const type = await this.#typeOf(request);
    const driver = await this.#filesystemFor(type, request);
    return driver.open(device, {
      readonly,
      mountOptions,
      codecs: nodeCodecs,
      deviceName,
      type,
      ...(request.guest === undefined ? {} : { guest: request.guest }),
      ...(peers === undefined ? {} : { peers }),
      ...(others === undefined ? {} : { others }),
      warn: (w) => warn({ ...w, source: `${deviceName}: ${w.source}` }),
    });
  }

  async #typeOf(request: FilesystemRequest): Promise<string> {
    const { type, device, deviceName } = request;
    const candidates = this.#registry.candidates('filesystem');
    if (type !== undefined && candidates.some((d) => abilitiesFor(d, type) !== undefined)) return type;
    const found = await this.probeFilesystem(device);
    if (found !== undefined) return found.type;
    const hint = type === undefined ? undefined : otherReader(type);
    throw new NoProviderError({
      ...(hint === undefined ? {} : { hint }),
      wanted: `open ${deviceName}: ${type === undefined ? 'unknown file system' : `file system '${type}'`}`,
      candidates: candidates.map((d) => ({
        name: d.name,
        reason: type === undefined ? 'does not recognise it' : `does not know ${type}`,
      })),
    });
  }

  /** @throws CapabilityError (`VMC_READ_ONLY`) when the drivers that work here can read it only */
  async #filesystemFor(type: string, { deviceName, readonly, driver }: FilesystemRequest): Promise<FsDriver> {
    if (readonly) return this.#usableDriver(type, deviceName, ['read'], driver);
    try {
      return await this.#usableDriver(type, deviceName, ['read', 'write'], driver);
    } catch (error) {
      if (!(error instanceof NoProviderError)) throw error;
      await this.#usableDriver(type, undefined, ['read']);
      const { candidates } = error.data as { candidates: readonly CandidateReason[] };
      const could = candidates.filter(({ name }) => this.#couldWrite(name, type));
      const why = could.map(({ name, reason }) => `; ${name} could: ${reason}`).join('');
      throw CapabilityError.readOnly(deviceName, `no driver writes ${type}${why}`);
    }
  }

  #couldWrite(name: string, type: string): boolean {
    const descriptor = this.#registry.candidates('filesystem').find((d) => d.name === name);
    return descriptor !== undefined && abilitiesFor(descriptor, type)?.includes('write') === true;
  }

  /**
   * The best driver that works on this host.
   * @param subject device for which it is chosen; undefined when the question alone counts
   * @param named the only one to consider
   * @throws NoProviderError
   */
  async #usableDriver(
    type: string,
    subject: string | undefined,
    abilities: readonly Ability[],
    named?: string,
  ): Promise<FsDriver> {
    const required: ProviderRequirement = { kind: 'filesystem', subject: type, abilities };
    const candidates = this.#registry.candidates('filesystem');
    const hints = named === undefined ? this.#hints('filesystem') : { provider: named };
    const { ranked, rejected } = selectProviders(candidates, required, hints);
    const missing: CandidateReason[] = rejected.filter(({ reason }) => !reason.startsWith('does not know'));
    for (const { descriptor } of ranked) {
      const driver = await this.#registry.load(descriptor);
      const state = (await driver.available?.(type, !abilities.includes('write'))) ?? { available: true };
      if (state.available) {
        if (subject !== undefined) this.#chose(descriptor, subject, `${abilities.join(' and ')} ${type}`, missing);
        return driver;
      }
      missing.push({ name: descriptor.name, reason: withRemedy(state) });
    }
    throw new NoProviderError({ wanted: `${abilities.join(' and ')} ${type}`, candidates: missing });
  }

  async treeRunner(): Promise<TreeRunner> {
    const missing: CandidateReason[] = [];
    for (const descriptor of this.#registry.candidates('runner')) {
      const runner = await this.#registry.load(descriptor);
      const { provider = runner.driver } = this.#hints('filesystem');
      if (provider !== runner.driver) {
        missing.push({ name: descriptor.name, reason: `'${provider}' was asked for` });
        continue;
      }
      const state = await runner.available();
      if (state.available) return runner;
      missing.push({ name: descriptor.name, reason: withRemedy(state) });
    }
    throw new NoProviderError({ wanted: "run the guest's commands", candidates: missing });
  }

  async probeFilesystem(device: BlockDevice): Promise<FsSignature | undefined> {
    const signature = await this.#signatureOf(device);
    const all = this.#registry.candidates('filesystem');
    const isLikely = (d: FilesystemDescriptor): boolean =>
      signature !== undefined && abilitiesFor(d, signature.type) !== undefined;
    // Drivers that the signature speaks for come first, so that others need not be loaded.
    for (const descriptor of [...all.filter(isLikely), ...all.filter((d) => !isLikely(d))]) {
      const found = await (await this.#registry.load(descriptor)).probe(device);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What the signature table makes of a device. */
  async #signatureOf(device: BlockDevice): Promise<FsSignature | undefined> {
    try {
      return await probeSignature(device);
    } catch (error) {
      if (!isVmcraftError(error) || error.code === 'VMC_ABORTED') throw error;
      return undefined;
    }
  }

  async driverFor(type: string, ability: 'format' | 'check'): Promise<FsDriver> {
    const required = { kind: 'filesystem', subject: type, abilities: [ability] } as const;
    const { ranked } = selectProviders(this.#registry.candidates('filesystem'), required);
    return this.#registry.load(ranked[0]!.descriptor);
  }

  filesystemSupport(type: string): FilesystemSupport | undefined {
    for (const descriptor of this.#registry.candidates('filesystem')) {
      const abilities = abilitiesFor(descriptor, type);
      const { provider } = this.#hints('filesystem');
      if (abilities === undefined || (provider !== undefined && descriptor.name !== provider)) continue;
      return {
        driver: descriptor.name,
        prompt: descriptor.rank >= PROMPT_RANK || provider !== undefined,
        read: abilities.includes('read'),
        write: abilities.includes('write'),
        format: abilities.includes('format'),
      };
    }
    return undefined;
  }

  async filesystemAvailable(type: string): Promise<boolean> {
    if (this.filesystemSupport(type) === undefined) return false;
    return this.#usableDriver(type, undefined, ['read']).then(
      () => true,
      () => false,
    );
  }

  filesystemTypes(): readonly string[] {
    const types = this.#registry.candidates('filesystem').flatMap((d) => Object.keys(d.capabilities.supports));
    return [...new Set(types)].filter((type) => type !== '*').sort();
  }

  memberTypes(): readonly string[] {
    return this.#registry.candidates('storage').flatMap((d) => Object.keys(d.capabilities.supports));
  }

  storageActivators(): Promise<readonly StorageActivator[]> {
    return Promise.all(this.#registry.candidates('storage').map((d) => this.#registry.load(d)));
  }

  deferredActivators(): readonly StorageActivator[] {
    return this.#registry.candidates('storage').map((d) => new DeferredActivator(d, () => this.#registry.load(d)));
  }

  inspectors(): Promise<readonly OsInspector[]> {
    return Promise.all(this.#registry.candidates('os').map((d) => this.#registry.load(d)));
  }

  close(): Promise<void> {
    return this.#parts.storage.close();
  }
}
