/** What the agent measures of its host. */
import { statfsSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface HostWatch {
  read(): { lagMs: number; freeBytes: number; sizeBytes: number };
  stop(): void;
}

/** Begins to measure. @param dataDir the folder whose disk is looked at */
export function watchHost(dataDir: string): HostWatch {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  return {
    /** lagMs: longest pause of the event loop since the last call */
    read() {
      const lagMs = delay.max / 1e6;
      delay.reset();
      const { bavail, blocks, bsize } = statfsSync(dataDir);
      return { lagMs, freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    },
    stop: () => void delay.disable(),
  };
}
