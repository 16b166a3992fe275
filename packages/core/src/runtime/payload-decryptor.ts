import type {
  BlockDevice,
  Ciphers,
  ContainerTools,
  KeyStore,
  PayloadDecryptor,
  SectorCipher,
  StorageContext,
  WarningSink,
} from '../contracts/index.js';
import { CredentialError, NoProviderError } from '../errors/index.js';
import type { PluginRegistry } from './registry.js';

/** Lets image formats use the cryptography of storage plugins: plugins do not know each other. */
export class RegistryDecryptor implements PayloadDecryptor {
  readonly #registry: PluginRegistry;
  readonly #context: StorageContext;

  constructor(registry: PluginRegistry, keys: KeyStore, warn: WarningSink, ciphers: Ciphers | undefined) {
    this.#registry = registry;
    this.#context = { keys, warn, ...(ciphers === undefined ? {} : { ciphers }) };
  }

  async luksCipher(header: BlockDevice, image: string): Promise<SectorCipher> {
    const tools = await this.#tools(image);
    return tools.payloadCipher(header, [image], this.#context);
  }

  async plainCipher(
    cipher: string,
    image: string,
    keyOf: (passphrase: Uint8Array) => Uint8Array,
  ): Promise<SectorCipher> {
    const tools = await this.#tools(image);
    const [secret] = await this.#context.keys.keysFor([image]);
    if (secret === undefined) throw new CredentialError({ subject: image, wrong: false });
    const key = keyOf(secret);
    try {
      return await tools.plainCipher(cipher, key, this.#context);
    } finally {
      key.fill(0);
    }
  }

  /** @throws NoProviderError */
  async #tools(image: string): Promise<Required<Pick<ContainerTools, 'payloadCipher' | 'plainCipher'>>> {
    for (const descriptor of this.#registry.candidates('storage')) {
      if (descriptor.capabilities.supports.crypto_LUKS === undefined) continue;
      const { containers } = await this.#registry.load(descriptor);
      const { payloadCipher, plainCipher } = containers ?? {};
      if (payloadCipher !== undefined && plainCipher !== undefined) return { payloadCipher, plainCipher };
    }
    throw new NoProviderError({ wanted: `decrypt ${image}`, candidates: [], hint: 'install @vmcraft/storage-luks' });
  }
}
