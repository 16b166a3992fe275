import { CorruptImageError, decodeUtf8, encodeUtf8 } from '@vmcraft/core';
import { viewOf } from '@vmcraft/core/binary';
import type { ByteStream } from '../byte-stream.js';
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
} from '../layout.js';
import { MAX_PAYLOAD, type ServedExport } from './export.js';

/** Longest option that is read; longer ones end the connection. */
const MAX_OPTION = 64 * 1024;
/** Options one client may send before it begins. */
const MAX_OPTIONS = 256;
/** What block size clients do best with. */
const PREFERRED_BLOCK = 4096;
/** The id that we give to `base:allocation`. */
export const ALLOCATION_ID = 1;

/** What a client has chosen. */
export interface ClientChoice {
  readonly served: ServedExport;
  readonly structured: boolean;
  readonly allocation: boolean;
}

/** The server's side of fixed newstyle negotiation with one client. */
export class Negotiation {
  #noZeroes = false;
  #structured = false;
  /** Export for which the client selected `base:allocation`. */
  #allocationOf: ServedExport | undefined;

  constructor(
    private readonly stream: ByteStream,
    private readonly exports: ReadonlyMap<string, ServedExport>,
  ) {}

  /** Until the client begins or leaves (undefined). @throws CorruptImageError when it breaks the protocol, HostError */
  async run(): Promise<ClientChoice | undefined> {
    const flags = HandshakeFlag.fixedNewstyle | HandshakeFlag.noZeroes;
    await this.stream.write(ServerHello.encode({ magic: NBD_MAGIC, option: OPTION_MAGIC, flags }));
    const client = viewOf(await this.stream.read(4)).getUint32(0);
    if ((client & ~flags) !== 0) throw broken('client flags', flags, client);
    this.#noZeroes = (client & HandshakeFlag.noZeroes) !== 0;
    for (let i = 0; i < MAX_OPTIONS; i++) {
      const { magic, option, length } = OptionRequest.decode(await this.stream.read(OptionRequest.size));
      if (magic !== OPTION_MAGIC) throw broken('option magic', OPTION_MAGIC, magic);
      if (length > MAX_OPTION) throw broken('option length', MAX_OPTION, length);
      const data = await this.stream.read(length);
      if (option === Option.abort) {
        await this.#reply(option, Reply.ack);
        return undefined;
      }
      const served = await this.#answer(option, data);
      if (served === undefined) continue;
      return { served, structured: this.#structured, allocation: this.#allocationOf === served };
    }
    throw broken('options', MAX_OPTIONS, 'more');
  }

  /** The chosen export when the option begins transmission. */
  async #answer(option: number, data: Uint8Array): Promise<ServedExport | undefined> {
    switch (option) {
      case Option.exportName:
        return this.#exportName(data);
      case Option.list:
        await this.#list(data);
        return undefined;
      case Option.info:
      case Option.go:
        return this.#info(option, data);
      case Option.structuredReply:
        if (data.length > 0) await this.#fail(option, Reply.errInvalid, 'no data expected');
        else {
          this.#structured = true;
          await this.#reply(option, Reply.ack);
        }
        return undefined;
      case Option.listMetaContext:
      case Option.setMetaContext:
        await this.#metaContext(option, data);
        return undefined;
      default:
        await this.#fail(option, Reply.errUnsupported, 'not known here');
        return undefined;
    }
  }

  /** `NBD_OPT_EXPORT_NAME` has no error reply: an unknown name ends the connection. */
  async #exportName(data: Uint8Array): Promise<ServedExport> {
    const served = this.#find(data);
    if (served === undefined) throw broken('export name', 'one that is served', decodeUtf8(data));
    const ZEROES = 124;
    const reply = new Uint8Array(ExportNameReply.size + (this.#noZeroes ? 0 : ZEROES));
    ExportNameReply.encodeInto({ size: BigInt(served.device.size), flags: served.flags }, reply);
    await this.stream.write(reply);
    return served;
  }

  async #list(data: Uint8Array): Promise<void> {
    if (data.length > 0) return this.#fail(Option.list, Reply.errInvalid, 'no data expected');
    for (const served of this.exports.values()) {
      const description = encodeUtf8(served.description);
      const entry = new Uint8Array(4 + served.nameBytes.length + description.length);
      viewOf(entry).setUint32(0, served.nameBytes.length);
      entry.set(served.nameBytes, 4);
      entry.set(description, 4 + served.nameBytes.length);
      await this.#reply(Option.list, Reply.server, entry);
    }
    await this.#reply(Option.list, Reply.ack);
  }

  /** `NBD_OPT_INFO` and `NBD_OPT_GO`: name length, name, count, types asked for. */
  async #info(option: number, data: Uint8Array): Promise<ServedExport | undefined> {
    const view = viewOf(data);
    const nameLength = data.length >= 6 ? view.getUint32(0) : data.length;
    if (nameLength + 6 > data.length || data.length !== 6 + nameLength + 2 * view.getUint16(4 + nameLength)) {
      await this.#fail(option, Reply.errInvalid, 'malformed');
      return undefined;
    }
    const served = this.#find(data.subarray(4, 4 + nameLength));
    if (served === undefined) {
      await this.#fail(option, Reply.errUnknown, 'no such export');
      return undefined;
    }
    const asked = new Set<number>();
    for (let at = 6 + nameLength; at < data.length; at += 2) asked.add(view.getUint16(at));
    const size = BigInt(served.device.size);
    await this.#reply(option, Reply.info, InfoExport.encode({ type: Info.export, size, flags: served.flags }));
    if (asked.has(Info.name)) await this.#reply(option, Reply.info, textInfo(Info.name, served.nameBytes));
    if (asked.has(Info.description))
      await this.#reply(option, Reply.info, textInfo(Info.description, encodeUtf8(served.description)));
    const sizes = { type: Info.blockSize, minimum: 1, preferred: PREFERRED_BLOCK, maximum: MAX_PAYLOAD };
    await this.#reply(option, Reply.info, InfoBlockSize.encode(sizes));
    await this.#reply(option, Reply.ack);
    return option === Option.go ? served : undefined;
  }

  /** `NBD_OPT_LIST_META_CONTEXT` and `NBD_OPT_SET_META_CONTEXT`: name, count, queries. We have `base:allocation` alone. */
  async #metaContext(option: number, data: Uint8Array): Promise<void> {
    if (!this.#structured) return this.#fail(option, Reply.errInvalid, 'structured replies come first');
    const parsed = parseQueries(data);
    if (parsed === undefined) return this.#fail(option, Reply.errInvalid, 'malformed');
    const served = this.#find(parsed.name);
    if (served === undefined) return this.#fail(option, Reply.errUnknown, 'no such export');
    const isListing = option === Option.listMetaContext;
    const matches = parsed.queries.some((q) => q === BASE_ALLOCATION || (isListing && q === 'base:'));
    if (!isListing) this.#allocationOf = matches ? served : undefined;
    if (matches || (isListing && parsed.queries.length === 0)) {
      const name = encodeUtf8(BASE_ALLOCATION);
      const context = new Uint8Array(4 + name.length);
      viewOf(context).setUint32(0, isListing ? 0 : ALLOCATION_ID);
      context.set(name, 4);
      await this.#reply(option, Reply.metaContext, context);
    }
    await this.#reply(option, Reply.ack);
  }

  #find(name: Uint8Array): ServedExport | undefined {
    return this.exports.get(decodeUtf8(name));
  }

  #fail(option: number, type: number, text: string): Promise<void> {
    return this.#reply(option, type, encodeUtf8(text));
  }

  async #reply(option: number, type: number, data: Uint8Array = new Uint8Array()): Promise<void> {
    const header = { magic: OPTION_REPLY_MAGIC, option, type, length: data.length };
    const message = new Uint8Array(OptionReply.size + data.length);
    OptionReply.encodeInto(header, message);
    message.set(data, OptionReply.size);
    await this.stream.write(message);
  }
}

function textInfo(type: number, text: Uint8Array): Uint8Array {
  const out = new Uint8Array(2 + text.length);
  viewOf(out).setUint16(0, type);
  out.set(text, 2);
  return out;
}

function parseQueries(data: Uint8Array): { name: Uint8Array; queries: string[] } | undefined {
  const view = viewOf(data);
  let at = 0;
  const text = (): Uint8Array | undefined => {
    if (at + 4 > data.length) return undefined;
    const length = view.getUint32(at);
    if (at + 4 + length > data.length) return undefined;
    at += 4 + length;
    return data.subarray(at - length, at);
  };
  const name = text();
  if (name === undefined || at + 4 > data.length) return undefined;
  const count = view.getUint32(at);
  at += 4;
  const queries: string[] = [];
  for (let i = 0; i < count; i++) {
    const query = text();
    if (query === undefined) return undefined;
    queries.push(decodeUtf8(query));
  }
  return at === data.length ? { name, queries } : undefined;
}

function broken(field: string, expected: unknown, found: unknown): CorruptImageError {
  const citation = 'NBD protocol, "Newstyle negotiation"';
  return new CorruptImageError({ structure: 'NBD client', field, expected, found, citation });
}
