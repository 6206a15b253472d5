declare module "@babel/plugin-transform-*" {
  import type { PluginItem } from "@babel/core";

  const plugin: PluginItem;
  export default plugin;
}
