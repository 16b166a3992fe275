import type {
  BlockDevice,
  Member,
  StorageActivator,
  StorageContext,
  StorageDescriptor,
  Volume,
} from '../contracts/index.js';
import { SIGNATURE_TYPES } from '../storage/index.js';

/** An activator that is loaded when it is first asked something; discovery asks only about what may be a member. */
export class DeferredActivator implements StorageActivator {
  readonly memberTypes?: readonly string[];
  readonly claimsPartitioned: boolean;
  readonly #descriptor: StorageDescriptor;
  readonly #load: () => Promise<StorageActivator>;
  #loaded: StorageActivator | undefined;

  constructor(descriptor: StorageDescriptor, load: () => Promise<StorageActivator>) {
    this.#descriptor = descriptor;
    this.#load = load;
    this.claimsPartitioned = descriptor.capabilities.claimsPartitioned === true;
    const types = Object.keys(descriptor.capabilities.supports);
    if (types.every((type) => SIGNATURE_TYPES.has(type))) this.memberTypes = types;
  }

  get name(): string {
    return this.#loaded?.name ?? this.#descriptor.name;
  }

  async probe(device: BlockDevice): Promise<Member | undefined> {
    return (await this.#activator()).probe(device);
  }

  async activate(members: readonly Member[], context: StorageContext): Promise<readonly Volume[]> {
    return (await this.#activator()).activate(members, context);
  }

  async #activator(): Promise<StorageActivator> {
    this.#loaded ??= await this.#load();
    return this.#loaded;
  }
}
