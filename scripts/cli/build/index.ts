/** The device build, for tools, tests and simulators. */
export { boardById, boardFields } from "./boardFields.ts";
export { buildCore, type Core, type PartSource } from "./core.ts";
export { BuildError, type Finding } from "./errors.ts";
export { buildFirmware, type Firmware } from "./firmware.ts";
export {
  buildApp,
  buildFramework,
  buildRuntime,
  composeImage,
  type Framework,
  readApp,
} from "./image.ts";
export type { Names } from "./names.ts";
export { detokenise, pretokenise } from "./pretokenise.ts";
export { frameworkSources } from "./sources.ts";
export type { BuildOptions } from "./text.ts";
