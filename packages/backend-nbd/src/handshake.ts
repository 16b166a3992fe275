import {
  CapabilityError,
  CorruptImageError,
  decodeUtf8,
  encodeUtf8,
  HostError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import type { ByteStream } from './byte-stream.js';
import {
  BASE_ALLOCATION,
  ExportNameReply,
  HandshakeFlag,
  Info,
  InfoBlockSize,
  InfoExport,
  NBD_MAGIC,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  Option,
  OptionReply,
  OptionRequest,
  Reply,
  ServerHello,
  TransmissionFlag,
} from './layout.js';

const CITATION = 'NBD protocol, "Newstyle negotiation"';
/** Longest option reply that is believed; the protocol's strings are at most 4096 bytes. */
const MAX_REPLY = 64 * 1024;
/** Replies a server may send to one option. */
const MAX_REPLIES = 256;
/** "Size constraints": what a client may assume of a server that does not say. */
const DEFAULT_MAXIMUM = 32 * 1024 * 1024;

/** What negotiation agreed on. */
export interface Negotiated {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  readonly canFlush: boolean;
  readonly canTrim: boolean;
  readonly canWriteZeroes: boolean;
  readonly structured: boolean;
  /** Id of the context `base:allocation`, when the server has it. */
  readonly allocationContext: number | undefined;
  /** Offsets and lengths must be multiples of this, bytes. */
  readonly minimumBlock: number;
  /** Longest request, bytes. */
  readonly maximumBlock: number;
}

interface RawReply {
  readonly type: number;
  readonly data: Uint8Array;
}

/** The connection in clear, turned into one through TLS. */
export type Upgrade = (stream: ByteStream) => Promise<ByteStream>;

/**
 * Fixed newstyle negotiation up to the transmission phase.
 * @param upgrade with it, everything after the first message goes through TLS, or not at all
 * @returns what was agreed on, and the stream that goes on
 * @throws HostError, CorruptImageError, UnsupportedFeatureError, CapabilityError
 */
export async function negotiate(
  clear: ByteStream,
  exportName: string,
  peer: string,
  upgrade?: Upgrade,
): Promise<{ readonly info: Negotiated; readonly stream: ByteStream }> {
  const noZeroes = await greet(clear, peer);
  const stream = upgrade === undefined ? clear : await startTls(clear, peer, upgrade);
  const name = encodeUtf8(exportName);
  const structured = await askStructured(stream, peer);
  const allocationContext = structured ? await askAllocation(stream, name) : undefined;
  const found = (await go(stream, name, exportName, peer)) ?? (await legacyExport(stream, name, noZeroes));
  return { info: { ...found, structured, allocationContext }, stream };
}

/** The first message of each side. @returns whether `NBD_FLAG_NO_ZEROES` is in force */
async function greet(stream: ByteStream, peer: string): Promise<boolean> {
  const hello = ServerHello.decode(await stream.read(ServerHello.size));
  if (hello.magic !== NBD_MAGIC) throw corrupt('magic', NBD_MAGIC, hello.magic);
  if (hello.option !== OPTION_MAGIC)
    throw new UnsupportedFeatureError({ feature: 'oldstyle NBD negotiation', structure: peer });
  if ((hello.flags & HandshakeFlag.fixedNewstyle) === 0) {
    throw new UnsupportedFeatureError({ feature: 'NBD negotiation that is not fixed newstyle', structure: peer });
  }
  const noZeroes = (hello.flags & HandshakeFlag.noZeroes) !== 0;
  const flags = new Uint8Array(4);
  viewOf(flags).setUint32(0, HandshakeFlag.fixedNewstyle | (noZeroes ? HandshakeFlag.noZeroes : 0));
  await stream.write(flags);
  return noZeroes;
}

/** `NBD_OPT_STARTTLS`. What came in clear behind the answer could be anybody's, so it ends the connection. */
async function startTls(stream: ByteStream, peer: string, upgrade: Upgrade): Promise<ByteStream> {
  await sendOption(stream, Option.startTls, new Uint8Array());
  const reply = await readReply(stream, Option.startTls);
  if (reply.type !== Reply.ack) {
    throw new CapabilityError({ capability: 'TLS', subject: peer, reason: 'the server has no TLS' });
  }
  const excess = stream.detach();
  if (excess > 0) throw corrupt('bytes before TLS', 0, excess);
  return upgrade(stream);
}

type ExportInfo = Omit<Negotiated, 'structured' | 'allocationContext'>;

async function sendOption(stream: ByteStream, option: number, data: Uint8Array): Promise<void> {
  const message = new Uint8Array(OptionRequest.size + data.length);
  OptionRequest.encodeInto({ magic: OPTION_MAGIC, option, length: data.length }, message);
  message.set(data, OptionRequest.size);
  await stream.write(message);
}

async function readReply(stream: ByteStream, option: number): Promise<RawReply> {
  const header = OptionReply.decode(await stream.read(OptionReply.size));
  if (header.magic !== OPTION_REPLY_MAGIC) throw corrupt('option reply magic', OPTION_REPLY_MAGIC, header.magic);
  if (header.option !== option) throw corrupt('option', option, header.option);
  if (header.length > MAX_REPLY) throw corrupt('option reply length', MAX_REPLY, header.length);
  return { type: header.type, data: await stream.read(header.length) };
}

const isError = (reply: RawReply): boolean => reply.type >= Reply.errorBit;

async function askStructured(stream: ByteStream, peer: string): Promise<boolean> {
  await sendOption(stream, Option.structuredReply, new Uint8Array());
  const reply = await readReply(stream, Option.structuredReply);
  if (reply.type === Reply.errTlsRequired) throw tlsRequired(peer);
  return reply.type === Reply.ack;
}

function tlsRequired(peer: string): UnsupportedFeatureError {
  return new UnsupportedFeatureError({
    feature: 'NBD over TLS',
    structure: peer,
    workaround: 'the server wants TLS: say nbds:// or nbds+unix://',
  });
}

async function askAllocation(stream: ByteStream, name: Uint8Array): Promise<number | undefined> {
  const query = encodeUtf8(BASE_ALLOCATION);
  const data = new Uint8Array(4 + name.length + 4 + 4 + query.length);
  const view = viewOf(data);
  view.setUint32(0, name.length);
  data.set(name, 4);
  view.setUint32(4 + name.length, 1);
  view.setUint32(8 + name.length, query.length);
  data.set(query, 12 + name.length);
  await sendOption(stream, Option.setMetaContext, data);
  let id: number | undefined;
  for (let i = 0; i < MAX_REPLIES; i++) {
    const reply = await readReply(stream, Option.setMetaContext);
    if (reply.type !== Reply.metaContext) return reply.type === Reply.ack ? id : undefined;
    if (reply.data.length >= 4 && decodeUtf8(reply.data.subarray(4)) === BASE_ALLOCATION)
      id = viewOf(reply.data).getUint32(0);
  }
  throw corrupt('metadata context replies', MAX_REPLIES, MAX_REPLIES + 1);
}

/** `NBD_OPT_GO`; undefined when the server does not know it. */
async function go(
  stream: ByteStream,
  name: Uint8Array,
  exportName: string,
  peer: string,
): Promise<ExportInfo | undefined> {
  const data = new Uint8Array(4 + name.length + 2 + 2);
  const view = viewOf(data);
  view.setUint32(0, name.length);
  data.set(name, 4);
  view.setUint16(4 + name.length, 1);
  view.setUint16(6 + name.length, Info.blockSize);
  await sendOption(stream, Option.go, data);
  let found: ReturnType<typeof InfoExport.decode> | undefined;
  let block: ReturnType<typeof InfoBlockSize.decode> | undefined;
  for (let i = 0; i < MAX_REPLIES; i++) {
    const reply = await readReply(stream, Option.go);
    if (reply.type === Reply.errUnsupported) return undefined;
    if (isError(reply)) throw refused(reply, exportName, peer);
    if (reply.type === Reply.ack) break;
    const type = reply.data.length >= 2 ? viewOf(reply.data).getUint16(0) : -1;
    if (type === Info.export) found = InfoExport.decode(reply.data);
    if (type === Info.blockSize) block = InfoBlockSize.decode(reply.data);
  }
  if (found === undefined) throw corrupt('NBD_INFO_EXPORT', 'one reply', 'none');
  return describe(found.size, found.flags, block?.minimum, block?.maximum);
}

function refused(reply: RawReply, exportName: string, peer: string): Error {
  if (reply.type === Reply.errTlsRequired) return tlsRequired(peer);
  const text = decodeUtf8(reply.data.subarray(0, 4096));
  if (reply.type === Reply.errUnknown) {
    return new HostError({
      path: peer,
      operation: 'open export',
      errno: 'ENOENT',
      reason: `no export named '${exportName}'`,
    });
  }
  return new CapabilityError({
    capability: `export '${exportName}'`,
    subject: peer,
    reason: text === '' ? `refused (${reply.type - Reply.errorBit})` : text,
  });
}

/** `NBD_OPT_EXPORT_NAME`, for servers before `NBD_OPT_GO`: no error reply, the server just hangs up. */
async function legacyExport(stream: ByteStream, name: Uint8Array, noZeroes: boolean): Promise<ExportInfo> {
  await sendOption(stream, Option.exportName, name);
  const ZEROES = 124;
  const reply = ExportNameReply.decode(await stream.read(ExportNameReply.size + (noZeroes ? 0 : ZEROES)));
  return describe(reply.size, reply.flags);
}

function describe(size: bigint, flags: number, minimum = 1, maximum = DEFAULT_MAXIMUM): ExportInfo {
  const MAX_MINIMUM = 65536;
  if (minimum < 1 || minimum > MAX_MINIMUM || (minimum & (minimum - 1)) !== 0)
    throw corrupt('minimum block size', 'a power of two up to 65536', minimum);
  return {
    size: toSafeInteger(size, 'NBD export size'),
    readOnly: (flags & TransmissionFlag.readOnly) !== 0,
    canFlush: (flags & TransmissionFlag.sendFlush) !== 0,
    canTrim: (flags & TransmissionFlag.sendTrim) !== 0,
    canWriteZeroes: (flags & TransmissionFlag.sendWriteZeroes) !== 0,
    minimumBlock: minimum,
    maximumBlock: Math.max(minimum, Math.min(maximum, DEFAULT_MAXIMUM)),
  };
}

function corrupt(field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'NBD negotiation', field, expected, found, citation: CITATION });
}
