import { RemoteDevice, TransactionalDevice, type TransactionOptions } from '../block/index.js';
import type {
  BlockDevice,
  BlockSession,
  CommandRunner,
  FsDriver,
  ImageInfo,
  TransactionHost,
} from '../contracts/index.js';

/** A drive whose bytes another program writes, with a transaction of its own over the device. */
export class HeldSession implements BlockSession {
  readonly device: BlockDevice;
  readonly info: ImageInfo;
  readonly fsDrivers?: readonly FsDriver[];
  readonly commandRunner?: CommandRunner;
  readonly #inner: BlockSession;
  readonly #transaction: TransactionalDevice | RemoteDevice;

  private constructor(inner: BlockSession, transaction: TransactionalDevice | RemoteDevice) {
    this.#inner = inner;
    this.#transaction = transaction;
    this.device = transaction.device;
    this.info = inner.info;
    if (inner.fsDrivers !== undefined) this.fsDrivers = inner.fsDrivers;
    if (inner.commandRunner !== undefined) this.commandRunner = inner.commandRunner;
  }

  /**
   * Hold back the writes of `session`. The session is closed when that fails.
   * @param imagePath the image on this host; undefined when it is on another
   * @param name of the drive in messages
   */
  static async open(
    session: BlockSession,
    imagePath: string | undefined,
    name: string,
    host: TransactionHost,
    options: TransactionOptions,
  ): Promise<HeldSession> {
    const { device } = session;
    try {
      const transaction =
        imagePath === undefined
          ? await RemoteDevice.open(device, name, host, options)
          : await TransactionalDevice.open(device, imagePath, host, options);
      return new HeldSession(session, transaction);
    } catch (error) {
      await session.close().catch(() => undefined);
      throw error;
    }
  }

  async commit(): Promise<void> {
    await this.#transaction.commit();
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback();
  }

  async close(): Promise<void> {
    try {
      await this.#transaction.close();
    } finally {
      await this.#inner.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
