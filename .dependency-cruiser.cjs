/** Imports run one way (design §2): protocol ← crypto ← flash ← core ← runtime; cloud-agent core ← edges. */
const rule = (name, comment, from, to) => ({ name, comment, severity: "error", from, to });
module.exports = {
  forbidden: [
    rule("no-circular", "a cycle has no lowest layer", {}, { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }),
    rule("protocol-imports-nothing", "the wire format stands alone", { path: "^firmware/protocol/", pathNot: "^firmware/protocol/host/" }, { pathNot: "^firmware/protocol/", path: ".*" }),
    rule("protocol-not-host", "device code never sees the Node side", { path: "^firmware/(?!protocol/host/)" }, { path: "^firmware/protocol/host/|^node_modules|^node:" }),
    rule("crypto-below-flash", "crypto knows protocol and ports only", { path: "^firmware/crypto/" }, { path: "^firmware/(flash|core|runtime)/|^firmware/hal/espruino" }),
    rule("flash-below-core", "flash knows nothing above it", { path: "^firmware/flash/" }, { path: "^firmware/(core|runtime)/|^firmware/hal/espruino" }),
    rule("core-not-runtime", "the core never calls the slot", { path: "^firmware/core/" }, { path: "^firmware/runtime/" }),
    rule("runtime-through-interface", "the runtime uses the core's published interface", { path: "^firmware/runtime/" }, { path: "^firmware/hal/espruino|^firmware/core/boot0" }),
    rule("host-not-above", "host formats import no side", { path: "^firmware/protocol/host/" }, { path: "^(cloud-agent|scripts|test|firmware/(core|runtime|flash|hal|crypto))/" }),
    rule("agent-not-device", "the agent shares the wire, not the device", { path: "^cloud-agent/" }, { path: "^(scripts|test)/|^firmware/(core|runtime|flash|hal|crypto)/" }),
    rule("agent-core-is-pure", "decisions know no edge", { path: "^cloud-agent/core/" }, { path: "^cloud-agent/(broker|storage|http|platform|session)/|^node_modules/(fastify|aedes|better-sqlite3|kysely)", dependencyTypesNot: ["type-only"] }),
    rule("field-without-agent", "a field tool works without the agent", { path: "^scripts/cli/(field|factory)/" }, { path: "^cloud-agent/" }),
    rule("shipped-not-test", "nothing shipped imports test", { path: "^(firmware|cloud-agent|boards|scripts)/" }, { path: "^test/" }),
    rule("boards-are-data", "a board file computes nothing", { path: "^boards/" }, { pathNot: "^boards/", path: ".*" }),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".mjs", ".js"] },
  },
};
