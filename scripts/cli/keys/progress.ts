/** A progress line on standard error, from the second second on. */

/** @param label what is being done: "release key"
 *  @returns a callback for (done, total) */
export function progressLine(
  label: string,
  out: NodeJS.WriteStream = process.stderr,
): (done: number, total: number) => void {
  const startMs = performance.now();
  let shownMs = startMs + 800;
  let isShown = false;
  return (done, total) => {
    const nowMs = performance.now();
    if (done < total && nowMs < shownMs + 200) return;
    if (done === total) {
      if (isShown) out.write(out.isTTY ? "\r\u001b[K" : "\n");
      return;
    }
    shownMs = nowMs;
    const secondsLeft = Math.ceil(((nowMs - startMs) / 1000) * (total / done - 1));
    const line = `${label}: ${Math.floor((done * 100) / total)} %, about ${secondsLeft} s left`;
    if (out.isTTY) out.write(`\r\u001b[K${line}`);
    else if (!isShown) out.write(line);
    isShown = true;
  };
}
