// Installs what the lock file names when it is not there yet. Node's own modules only: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const leastMajor = 20;

/** Ends the process with a clear word when Node is too old or the install fails. */
export function ensureInstalled(root) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < leastMajor) {
    process.stderr.write(
      `Fleetling needs Node ${leastMajor} or newer, this is ${process.version}.\n`,
    );
    process.exit(1);
  }
  const isFresh = isInstalled(root);
  if (!isFresh) {
    process.stderr.write("Installing what the lock file names (about two minutes, once) …\n");
    const npm = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
    });
    if (npm.status !== 0) {
      process.stderr.write(
        "npm ci failed: see above. It needs the npm registry; better-sqlite3 needs a prebuilt binary for this\n" +
          "platform or a C++ compiler with python3 and make.\n",
      );
      process.exit(1);
    }
  }
  const sqlite = spawnSync(
    process.execPath,
    ["-e", "new (require('better-sqlite3'))(':memory:')"],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  if (sqlite.status !== 0) {
    process.stderr.write(
      `better-sqlite3 cannot be loaded: no prebuilt binary for ${process.platform}-${process.arch} and Node ` +
        `${process.versions.node}, and it was not compiled.\nInstall a C++ compiler, make and python3, then run ` +
        `"npm rebuild better-sqlite3".\n\n${sqlite.stderr.split("\n").slice(0, 6).join("\n")}\n`,
    );
    process.exit(1);
  }
}

/** True when every package that the lock file requires is there in its version. Times of files say nothing after a checkout. */
function isInstalled(root) {
  const hidden = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(hidden)) return false;
  const there = JSON.parse(readFileSync(hidden, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, one]) => path === "" || one.optional || there[path]?.version === one.version,
  );
}
