import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import vm from "node:vm";
import { build, type Plugin } from "esbuild";
import type { Kit } from "../../firmware/core/kit.ts";
import { boardFields } from "../cli/build/boardFields.ts";
import { placesFromEnd } from "../cli/build/image.ts";
import { firmwareRoot, frameworkSources } from "../cli/build/sources.ts";
import { type Builtins, type RealmHost, setTakesBuffers, type World } from "../sim/board/realm.ts";
import { type AppName, appFiles, type Material } from "./material.ts";

/** One passage of the device's source and what stands in its place: a design that is broken on purpose. */
export interface Mutation {
  /** below firmware/ */
  file: string;
  from: string;
  to: string;
}

/** The device's own TypeScript in this process: boot decision, parts, runtime and apps as they are shipped, but neither
 *  minified nor in a context of its own. */
export interface Device {
  makeWorld(host: RealmHost): DeviceWorld;
}

export interface DeviceWorld extends World {
  /** what the core holds between two events (core/kit.ts), null until its first part ran */
  kit: Kit | null;
}

// Device code runs among this process's own typed arrays: they take what the interpreter's take.
vm.runInThisContext(setTakesBuffers);

interface Linked {
  parts: unknown[];
  slotParts: unknown[];
  main: unknown;
  apps: Record<AppName, unknown>;
}
/** What a part's text is evaluated to. */
type Evaluated = (kit: Kit) => unknown;
type Link = (linked: Linked) => void;
type Boot = (link: Link, global: Record<string, unknown>) => void;

/** The device of a material and its bundled code (deviceCode): one call is one start. */
export function deviceOf(material: Material, code: string): Device {
  const { texts } = material;
  const parts = new Map(texts.parts.map((text, i) => [text, i]));
  const slotParts = new Map(texts.slotParts.map((text, i) => [text, i]));
  const images = new Map(texts.images);
  let boot: Boot | null = null;
  const pins = new Map<string, boolean>();
  const isNamed = (pin: string) => {
    let is = pins.get(pin);
    if (is === undefined) pins.set(pin, (is = code.includes(pin)));
    return is;
  };
  return {
    makeWorld() {
      let linked: Linked | null = null;
      const link: Link = (all) => {
        linked = { ...all, parts: all.parts.map((part) => world.lookedInto(part as Evaluated)) };
      };
      const evaluate = (text: string) => {
        const part = parts.get(text);
        if (part !== undefined) return linked!.parts[part];
        const slotPart = slotParts.get(text);
        if (slotPart !== undefined) return linked!.slotParts[slotPart];
        const app = images.get(text);
        // What else stands in flash is half an image: the interpreter would stumble over it as well.
        if (!app) throw new SyntaxError("a text that is no part and no whole image");
        return [linked!.main, () => linked!.apps[app]];
      };
      const world = new HostWorld(
        evaluate,
        (global) => {
          boot ??= compile(code, global);
          boot(link, global);
        },
        texts.boot0,
        isNamed,
      );
      return world;
    },
  };
}

/** Names that events add to every object of a world. */
const eventNames = "on addListener prependListener emit removeListener removeAllListeners";

/** The world that runs now. Boards are played one after the other, and objects of one shape for all of them are what makes
 *  the engine quick. */
let current: HostWorld;
const shared = Object.fromEntries(
  eventNames.split(" ").map((name) => [
    name,
    function (this: object, ...args: unknown[]) {
      return current.methods[name]!.apply(this, args);
    },
  ]),
);

/** This process's own world in place of a context: device code sees the same globals, as variables of one function.
 *  One at a time: the newest is the one that runs. */
class HostWorld implements DeviceWorld {
  kit: Kit | null = null;
  readonly builtins: Builtins;
  readonly global: Record<string, unknown>;
  readonly methods: Record<string, (...args: unknown[]) => unknown> = {};
  readonly #start: (global: Record<string, unknown>) => void;
  readonly #boot0: string;
  readonly names: (pin: string) => boolean;

  constructor(
    evaluate: (text: string) => unknown,
    start: (global: Record<string, unknown>) => void,
    boot0: string,
    names: (pin: string) => boolean,
  ) {
    this.#start = start;
    this.#boot0 = boot0;
    this.names = names;
    // Events hang on the prototype of all objects: here of those that the board makes.
    const object = { prototype: this.methods } as unknown as ObjectConstructor;
    this.builtins = { Uint8Array, ArrayBuffer, Array, Object: object, Error, TypeError };
    this.global = { eval: evaluate };
    current = this;
  }

  /** The part, which shows its kit when it is used. */
  lookedInto(part: Evaluated): Evaluated {
    return (kit) => {
      this.kit = kit;
      return part(kit);
    };
  }

  run(text: string, filename: string): unknown {
    if (text !== this.#boot0) throw new SyntaxError(`${filename}: not the text of the factory`);
    return this.#start(this.global);
  }

  object(members: Record<string, unknown> = {}): Record<string, unknown> {
    return Object.assign(Object.create(shared) as Record<string, unknown>, members);
  }

  array(items: readonly unknown[] = []): unknown[] {
    return items.slice();
  }

  bytes(data: Uint8Array): Uint8Array {
    // What was made for this call needs no copy.
    return data.constructor === Uint8Array ? data : new Uint8Array(data);
  }
}

/** One function of the board's globals; only those that the code names are handed in. */
function compile(code: string, global: Record<string, unknown>): Boot {
  const names = Object.keys(global).filter(
    (name) => /^[A-Za-z_]\w*$/.test(name) && name !== "eval" && code.includes(name),
  );
  const text = `(function (link, { ${names.join(", ")} }) {\n${code}\n})`;
  return new vm.Script(text, { filename: "device" }).runInThisContext() as Boot;
}

/** Bundles the device code of a board.
 *  @throws Error when a mutation's passage is not there exactly once */
export async function deviceCode(
  { board, texts }: Material,
  mutations: Mutation[] = [],
): Promise<string> {
  const { parts, slotParts, boot0File, runtimeFile } = frameworkSources(board, true);
  const tables = {
    parts: texts.table,
    slotParts: placesFromEnd(texts.slotPartBytes),
  };
  const fields = Object.entries(boardFields(board, tables));
  const isPlain = (text: string) => /^(true|false|-?\d+|"[^"]*")$/.test(text);
  const define = fields.filter(([, text]) => isPlain(text)).map(([k, v]) => [`BOARD.${k}`, v]);
  const live = fields.filter(([, text]) => !isPlain(text));
  const getters = live.map(([name, text]) => `get ${name}() { return (${text}); }`).join(",\n");
  const imported = (names: string, file: string) => `import ${names} from ${JSON.stringify(file)};`;
  const list = (prefix: string, all: { id: number }[]) => all.map(({ id }) => prefix + id).join();
  const sources = [
    ...parts.map(({ id, file }) => imported(`p${id}`, file)),
    ...slotParts.map(({ id, file }) => imported(`s${id}`, file)),
    imported("main", runtimeFile),
    ...Object.entries(appFiles).map(([name, file]) => imported(`* as ${name}`, file)),
    `link({ parts: [${list("p", parts)}], slotParts: [${list("s", slotParts)}], main,`,
    `apps: {${Object.keys(appFiles)}} });`,
  ];
  const result = await build({
    stdin: {
      contents: `import "texts"; import ${JSON.stringify(boot0File)};`,
      resolveDir: firmwareRoot,
      loader: "ts",
    },
    ...{ bundle: true, format: "cjs", platform: "node", write: false, logLevel: "silent" },
    target: "node20",
    define: Object.fromEntries(define) as Record<string, string>,
    packages: "external",
    plugins: [virtual("texts", sources.join("\n")), mutated(mutations)],
  });
  return `const BOARD = {\n${getters}\n};\n${result.outputFiles[0]!.text}`;
}

function virtual(name: string, contents: string): Plugin {
  return {
    name,
    setup(at) {
      at.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: name }));
      at.onLoad({ filter: /./, namespace: name }, () => ({
        ...{ contents, loader: "ts", resolveDir: firmwareRoot },
      }));
    },
  };
}

function mutated(mutations: Mutation[]): Plugin {
  return {
    name: "mutated",
    setup(at) {
      at.onLoad({ filter: /firmware[\\/].*\.ts$/ }, ({ path }) => {
        let contents = readFileSync(path, "utf8");
        for (const { file, from, to } of mutations) {
          if (resolve(firmwareRoot, file) !== path) continue;
          const found = contents.split(from).length - 1;
          if (found !== 1)
            throw new Error(`${file}: expected once "${from}", found ${found} times`);
          contents = contents.replace(from, () => to);
        }
        return { contents, loader: "ts" };
      });
    },
  };
}
