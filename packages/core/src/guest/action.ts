import type { Arg, ArgKind, KindValue } from './argument.js';
import type { Session } from './session.js';
import type { StructName, StructValue } from './structs.js';

export * from './argument.js';

/** Themes group actions in help and docs; plugins may bring their own. */
export type Theme =
  | 'acl-caps'
  | 'archive-transfer'
  | 'block-device'
  | 'checksum'
  | 'e2fs'
  | 'files'
  | 'filesystem'
  | 'handle-appliance'
  | 'inspection'
  | 'mount'
  | 'partition'
  | 'text-search'
  | 'xattr'
  | 'zero-discard'
  | (string & {});

/** What an action returns, as the guestfs API description writes it. */
export type ReturnKind =
  | 'void'
  | 'RInt'
  | 'RInt64'
  | 'RBool'
  | 'RConstString'
  | 'RConstOptString'
  | 'RString'
  | 'RStringList'
  | 'RBufferOut'
  | 'RHashtable'
  | { readonly struct: StructName }
  | { readonly structList: StructName }
  | ValueReturn<unknown>;

/** A plain value of any shape, for actions that guestfs does not have; the shell prints it as text or JSON. */
export interface ValueReturn<T> {
  /** What the documentation calls it. */
  readonly value: string;
  /** Only for the type checker; never set. */
  readonly type?: T;
}

/** Declare that an action returns a plain value: `returns: plainValue<string[]>('list of names')`. */
export function plainValue<T>(name: string): ValueReturn<T> {
  return { value: name };
}

interface ScalarReturns {
  // biome-ignore lint/suspicious/noConfusingVoidType: the value of a function that returns nothing
  void: void;
  RInt: number;
  RInt64: number;
  RBool: boolean;
  RConstString: string;
  RConstOptString: string | null;
  RString: string;
  RStringList: string[];
  RBufferOut: Uint8Array;
  RHashtable: Record<string, string>;
}

/** The TypeScript type of a return kind. */
export type ReturnValue<R extends ReturnKind> = R extends keyof ScalarReturns
  ? ScalarReturns[R]
  : R extends { readonly struct: infer S extends StructName }
    ? StructValue<S>
    : R extends { readonly structList: infer S extends StructName }
      ? StructValue<S>[]
      : R extends ValueReturn<infer T>
        ? T
        : never;

/** The TypeScript types of a tuple of arguments. */
export type ArgValues<A extends readonly Arg[]> = {
  -readonly [I in keyof A]: A[I] extends Arg<string, infer T> ? T : never;
};

/** Optional arguments by name. */
export type OptionKinds = Readonly<Record<string, ArgKind>>;

/** The TypeScript type of the trailing options object. */
export type OptionValues<O extends OptionKinds> = { readonly [K in keyof O]?: KindValue<O[K]> | undefined };

/** One declared action: everything that the methods, the shell, the help and the docs need to know of it. */
export interface Action<
  N extends string = string,
  A extends readonly Arg[] = readonly Arg[],
  O extends OptionKinds = OptionKinds,
  R extends ReturnKind = ReturnKind,
> {
  /** guestfs name, `mkdir_mode`. */
  readonly name: N;
  readonly theme: Theme;
  /** Group of `available` / `feature_available` that this action belongs to. */
  readonly group?: string;
  /** Version of VMCraft that first had it, for actions that guestfs does not have. */
  readonly since?: string;
  /** Further names that the shell knows, with dashes. */
  readonly aliases?: readonly string[];
  /** guestfs name of the action to use instead, or `(none)`. */
  readonly deprecatedBy?: string;
  readonly args: A;
  readonly options?: O;
  readonly returns: R;
  /** One paragraph. */
  readonly doc: string;
  /** Works before launch too: settings and such. */
  readonly anytime?: boolean;
  /** Does not wait for the call that runs now: only for what is meant to act on that. */
  readonly immediate?: boolean;
  /** Works beside the session on its devices: file systems that are lent to somebody stay there. */
  readonly outside?: boolean;
  /** Arguments are checked before; the options object is always there. */
  run(g: Session, ...args: [...ArgValues<A>, OptionValues<O>]): Promise<ReturnValue<R>> | ReturnValue<R>;
}

/** An action whose types are not known statically, as the table holds it. */
export interface AnyAction extends Omit<Action, 'run'> {
  run(g: Session, ...args: never[]): unknown;
}

/** Declare an action; gives the literal back with its types inferred. */
export function defineAction<
  const N extends string,
  const A extends readonly Arg[],
  const R extends ReturnKind,
  const O extends OptionKinds = Record<never, never>,
>(action: Action<N, A, O, R>): Action<N, A, O, R> {
  return action;
}

/** `mkdir_mode` → `mkdirMode`. */
export type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** `mkdir_mode` → `mkdirMode`. */
export function camelCase(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** `mkdir_mode` → `mkdir-mode`: the name of the command. */
export function commandName(name: string): string {
  return name.replaceAll('_', '-');
}

/** The method that an action becomes: positional arguments, then an options object where the action has options. */
export type ActionMethod<T> =
  T extends Action<string, infer A, infer O, infer R>
    ? (
        ...args: keyof O extends never ? ArgValues<A> : [...ArgValues<A>, options?: OptionValues<O>]
      ) => Promise<ReturnValue<R>>
    : never;

/** The methods of a list of actions, by their camel-case names. */
export type ActionMethods<L extends readonly unknown[]> = {
  [T in L[number] as T extends { readonly name: infer N extends string } ? CamelCase<N> : never]: ActionMethod<T>;
};
