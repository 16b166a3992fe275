import type { GuestPath, Operation } from './operations.js';

/** What the test knows of one object, enough to aim operations at things that exist. */
export interface ModelNode {
  readonly kind: 'dir' | 'file' | 'symlink' | 'special';
  readonly children: Map<string, ModelNode>;
  readonly bulk: BulkNames[];
}

/** Names made by one `bulkCreate`, kept apart from `children` so that picking stays cheap. */
export interface BulkNames {
  readonly prefix: string;
  readonly first: number;
  readonly count: number;
}

function node(kind: ModelNode['kind']): ModelNode {
  return { kind, children: new Map(), bulk: [] };
}

const parentOf = (path: GuestPath): GuestPath => path.slice(0, Math.max(0, path.lastIndexOf('/')));
const nameOf = (path: GuestPath): string => path.slice(path.lastIndexOf('/') + 1);

/** The tree as the kernel's answers say it must be. */
export class Model {
  readonly root = node('dir');

  find(path: GuestPath): ModelNode | undefined {
    let at: ModelNode | undefined = this.root;
    for (const part of path === '' ? [] : path.split('/')) at = at?.children.get(part);
    return at;
  }

  /** Paths of all objects that `wanted` accepts, in a stable order; the root is the empty path. */
  paths(wanted: (found: ModelNode) => boolean): GuestPath[] {
    const out: GuestPath[] = [];
    const visit = (path: GuestPath, at: ModelNode): void => {
      if (wanted(at)) out.push(path);
      for (const [name, child] of at.children) visit(path === '' ? name : `${path}/${name}`, child);
    };
    visit('', this.root);
    return out;
  }

  /** Take over an operation that succeeded. */
  apply(operation: Operation): void {
    const folder = this.find(parentOf(operation.path));
    const name = nameOf(operation.path);
    switch (operation.op) {
      case 'create':
        folder?.children.set(name, node('file'));
        break;
      case 'mkdir':
        folder?.children.set(name, node('dir'));
        break;
      case 'symlink':
        folder?.children.set(name, node('symlink'));
        break;
      case 'mknod':
        folder?.children.set(name, node('special'));
        break;
      case 'unlink':
      case 'rmdir':
        folder?.children.delete(name);
        break;
      case 'link':
        this.find(parentOf(operation.to))?.children.set(nameOf(operation.to), this.find(operation.path)!);
        break;
      case 'rename':
        this.#rename(operation.path, operation.to);
        break;
      case 'bulkCreate':
        this.find(operation.path)?.bulk.push(operation);
        break;
      case 'bulkUnlink': {
        const bulk = this.find(operation.path)?.bulk;
        bulk?.splice(
          bulk.findIndex((b) => b.prefix === operation.prefix),
          1,
        );
        break;
      }
      default:
        break;
    }
  }

  #rename(from: GuestPath, to: GuestPath): void {
    const moved = this.find(from);
    if (moved === undefined || moved === this.find(to)) return;
    this.find(parentOf(from))?.children.delete(nameOf(from));
    this.find(parentOf(to))?.children.set(nameOf(to), moved);
  }
}
