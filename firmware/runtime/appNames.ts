/** Names that an app sees or exports. They are never shortened, because app and framework are minified apart. */
export const appNames = [
  "start",
  "healthy",
  "readyToReboot",
  "wipe",
  "metrics",
  "regions",
  "serial",
  "metric",
  "setting",
  "onSettings",
  "clear",
];
