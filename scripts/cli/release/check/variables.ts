/** What device code would take of an interpreter's variables, estimated from a snapshot of the host's heap.
 *  An interpreter spends one variable per object, member, element and local, and one per dozen characters or bytes of
 *  what is longer; functions a handful. Only differences between two boards mean something: what both have falls out. */
import { getHeapSnapshot } from "node:v8";

/** Variables of one function beside its locals: code, scope, parameters. Source: core/ADR-0001, 6 to 8 */
const functionVariables = 7;
/** Characters or bytes that one variable holds; the first ones fit in the variable that names the value. */
const variableBytes = 12;

/** Marks that a snapshot is searched for; a name that no other object has. */
const mark = (index: number) => `fleetlingWorld${index}`;

/** Counts for several worlds in one snapshot.
 *  @param roots `Object.prototype` of each world: whatever leads up to it is of that world
 *  @returns variables by world, in their order */
export async function countVariables(roots: readonly object[]): Promise<number[]> {
  const holder = Object.fromEntries(roots.map((root, index) => [mark(index), root]));
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot({ exposeNumericValues: true }))
    chunks.push(Buffer.from(chunk));
  const heap = new Heap(Buffer.concat(chunks).toString("latin1"));
  // Kept alive until here, or the marks would not be in the snapshot.
  return Object.keys(holder).map((name) => heap.variablesOf(name));
}

interface Snapshot {
  snapshot: {
    meta: {
      node_fields: string[];
      node_types: [string[]];
      edge_fields: string[];
      edge_types: [string[]];
    };
  };
  nodes: number[];
  edges: number[];
  strings: string[];
}

/** A snapshot as V8 writes it: flat lists of nodes and of their edges, in the same order. */
class Heap {
  readonly #nodes: number[];
  readonly #edges: number[];
  readonly #strings: string[];
  readonly #nodeTypes: string[];
  readonly #edgeTypes: string[];
  readonly #nodeFields: number;
  readonly #sizeAt: number;
  /** by node: where its edges begin */
  readonly #firstEdge: Uint32Array;
  /** by node: the node it inherits from, or none */
  readonly #parent: Int32Array;

  constructor(text: string) {
    const { snapshot, nodes, edges, strings }: Snapshot = JSON.parse(text);
    const { node_fields, node_types, edge_types } = snapshot.meta;
    this.#nodes = nodes;
    this.#edges = edges;
    this.#strings = strings;
    this.#nodeTypes = node_types[0];
    this.#edgeTypes = edge_types[0];
    this.#nodeFields = node_fields.length;
    this.#sizeAt = node_fields.indexOf("self_size");
    const countAt = node_fields.indexOf("edge_count");
    const count = nodes.length / this.#nodeFields;
    this.#firstEdge = new Uint32Array(count + 1);
    for (let node = 0; node < count; node++) {
      this.#firstEdge[node + 1] =
        this.#firstEdge[node]! + nodes[node * this.#nodeFields + countAt]!;
    }
    this.#parent = new Int32Array(count).fill(-1);
    for (let node = 0; node < count; node++) {
      this.#eachEdge(node, (type, name, to) => {
        if (type === "property" && name === "__proto__") this.#parent[node] = to;
      });
    }
  }

  /** Variables of everything that leads up to the marked prototype. */
  variablesOf(name: string): number {
    const root = this.#marked(name);
    /** 0 not known, 1 of this world, 2 not */
    const known = new Uint8Array(this.#parent.length);
    known[root] = 1;
    const isOwn = (node: number): boolean => {
      const path: number[] = [];
      let at = node;
      while (at >= 0 && known[at] === 0 && path.length < 100) {
        path.push(at);
        at = this.#parent[at]!;
      }
      const verdict = at >= 0 && known[at] === 1 ? 1 : 2;
      for (const one of path) known[one] = verdict;
      return verdict === 1;
    };
    const shared = { contexts: new Set<number>(), buffers: new Set<number>() };
    let sum = 0;
    for (let node = 0; node < this.#parent.length; node++) {
      if (this.#parent[node]! < 0 || !isOwn(node)) continue;
      sum += this.#objectVariables(node, shared);
    }
    for (const context of shared.contexts) sum += this.#localVariables(context);
    for (const buffer of shared.buffers) sum += this.#bufferVariables(buffer);
    return Math.round(sum);
  }

  /** @param shared takes what more than one object may hold */
  #objectVariables(node: number, shared: { contexts: Set<number>; buffers: Set<number> }): number {
    const isFunction = this.#typeOf(node) === "closure";
    let sum = 1 + (isFunction ? functionVariables : 0);
    let elements = 0;
    let room = 0;
    this.#eachEdge(node, (type, name, to) => {
      if (type === "property" && name !== "__proto__") sum += 1 + this.#textVariables(to);
      else if (type === "element") {
        elements++;
        sum += 1 + this.#textVariables(to);
      } else if (type === "internal" && name === "elements") room = this.#sizeOf(to);
      else if (type === "internal" && name === "buffer") shared.buffers.add(to);
      else if (isFunction && type === "internal" && name === "context")
        this.#collect(to, shared.contexts);
    });
    // Numbers of a list are no nodes: only the room for them is seen, which is a fifth larger than what is used.
    const numbers = elements > 0 ? 0 : Math.max(0, room - 16) / 8;
    return sum + numbers * 0.8;
  }

  /** A function's scopes, from the inside out. */
  #collect(context: number, contexts: Set<number>): void {
    let at = context;
    while (at >= 0 && !contexts.has(at) && this.#nameOf(at) === "system / Context") {
      contexts.add(at);
      let outer = -1;
      this.#eachEdge(at, (type, name, to) => {
        if (type === "internal" && name === "previous") outer = to;
      });
      at = outer;
    }
  }

  #localVariables(context: number): number {
    let sum = 0;
    this.#eachEdge(context, (type, _, to) => {
      if (type === "context") sum += 1 + this.#textVariables(to);
    });
    return sum;
  }

  #bufferVariables(buffer: number): number {
    let bytes = 0;
    this.#eachEdge(buffer, (type, name, to) => {
      if (type === "internal" && name === "backing_store") bytes = this.#sizeOf(to);
    });
    return bytes / variableBytes;
  }

  /** Variables beyond the first of a text, however it was put together. */
  #textVariables(node: number): number {
    let bytes = 0;
    const open = [node];
    for (let steps = 0; open.length > 0 && steps < 1_000_000; steps++) {
      const one = open.pop()!;
      const type = this.#typeOf(one);
      if (type === "string") bytes += Math.max(0, this.#sizeOf(one) - 16);
      else if (type === "concatenated string" || type === "sliced string") {
        this.#eachEdge(one, (_, name, to) => {
          if (name === "first" || name === "second" || name === "parent") open.push(to);
        });
      }
    }
    return Math.max(0, Math.ceil(bytes / variableBytes) - 1);
  }

  #marked(name: string): number {
    let found = -1;
    for (let node = 0; node < this.#parent.length && found < 0; node++) {
      this.#eachEdge(node, (type, edge, to) => {
        if (type === "property" && edge === name) found = to;
      });
    }
    if (found < 0) throw new Error(`heap snapshot: expected the mark ${name}, found none`);
    return found;
  }

  #eachEdge(node: number, take: (type: string, name: string, to: number) => void): void {
    for (let at = this.#firstEdge[node]!; at < this.#firstEdge[node + 1]!; at++) {
      const type = this.#edgeTypes[this.#edges[at * 3]!]!;
      const named = type === "property" || type === "internal";
      const name = named ? this.#strings[this.#edges[at * 3 + 1]!]! : "";
      take(type, name, this.#edges[at * 3 + 2]! / this.#nodeFields);
    }
  }

  #typeOf(node: number): string {
    return this.#nodeTypes[this.#nodes[node * this.#nodeFields]!]!;
  }
  #nameOf(node: number): string {
    return this.#strings[this.#nodes[node * this.#nodeFields + 1]!]!;
  }
  #sizeOf(node: number): number {
    return this.#nodes[node * this.#nodeFields + this.#sizeAt]!;
  }
}
