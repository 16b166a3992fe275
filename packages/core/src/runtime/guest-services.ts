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
  StorageActivator,
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
import { RegistryDecryptor } from './payload-decryptor.js';
import type { PluginRegistry } from './registry.js';
import { openScratchDrive } from './scratch-drive.js';
import { abilitiesFor, type ProviderRequirement, selectProviders } from './selection.js';

/** What the services of one guest are made of. */
export interface GuestServiceParts {
  readonly registry: PluginRegistry;
  readonly platform: HostPlatform;
  readonly metrics: IoMetrics;
  readonly storage: GuestStorage;
  /** Backend that the caller asked for. */
  readonly backend?: string;
}

/** Providers by capability, for one guest. */
export class GuestServices implements SessionServices {
  readonly platform: HostPlatform;
  readonly metrics: IoMetrics;
  readonly transaction: SessionTransaction;
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
    const hints = this.#parts.backend === undefined ? {} : { provider: this.#parts.backend };
    const { ranked, rejected } = selectProviders(backends, required, hints);
    const missing: CandidateReason[] = [...rejected];
    for (const { descriptor } of ranked) {
      const backend = await this.#usable(descriptor, missing);
      if (backend === undefined) continue;
      if (!isReadonly) await this.#refuseParent(drive, warn);
      const session = await backend.open({ ...drive, format: subject, guessed: drive.format === undefined }, context);
      return this.#parts.storage.hold(session, drive);
    }
    const hint = isReadonly ? {} : { hint: 'opening it read-only needs less' };
    throw new NoProviderError({ wanted: `open ${drive.path ?? drive.uri} (${subject})`, candidates: missing, ...hint });
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
      throw new LockedError({ path, reason, force: 'force' });
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
    const remedy = state.remedy === undefined ? '' : ` (${state.remedy})`;
    missing.push({ name: descriptor.name, reason: `${state.reason}${remedy}` });
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
    const { deviceName, readonly, mountOptions, device } = request;
    const type = await this.#typeOf(request);
    const descriptor = this.#filesystemFor(type, deviceName, readonly);
    const driver = await this.#registry.load(descriptor);
    return driver.open(device, {
      readonly,
      mountOptions,
      codecs: nodeCodecs,
      warn: (w) => warn({ ...w, source: `${deviceName}: ${w.source}` }),
    });
  }

  async #typeOf(request: FilesystemRequest): Promise<string> {
    const { type, device, deviceName } = request;
    const candidates = this.#registry.candidates('filesystem');
    if (type !== undefined && candidates.some((d) => abilitiesFor(d, type) !== undefined)) return type;
    const found = await this.probeFilesystem(device);
    if (found !== undefined) return found.type;
    throw new NoProviderError({
      wanted: `open ${deviceName}: ${type === undefined ? 'unknown file system' : `file system '${type}'`}`,
      candidates: candidates.map((d) => ({
        name: d.name,
        reason: type === undefined ? 'does not recognise it' : `does not know ${type}`,
      })),
    });
  }

  /** @throws CapabilityError (`VMC_READ_ONLY`) when drivers can read it only */
  #filesystemFor(type: string, deviceName: string, readonly: boolean): FilesystemDescriptor {
    const candidates = this.#registry.candidates('filesystem');
    const select = (abilities: readonly ('read' | 'write')[]) =>
      selectProviders(candidates, { kind: 'filesystem', subject: type, abilities }).ranked[0]!.descriptor;
    if (readonly) return select(['read']);
    try {
      return select(['read', 'write']);
    } catch (error) {
      if (!(error instanceof NoProviderError)) throw error;
      select(['read']);
      throw CapabilityError.readOnly(deviceName, `no driver writes ${type}`);
    }
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
      if (abilities === undefined) continue;
      return {
        driver: descriptor.name,
        read: abilities.includes('read'),
        write: abilities.includes('write'),
        format: abilities.includes('format'),
      };
    }
    return undefined;
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
