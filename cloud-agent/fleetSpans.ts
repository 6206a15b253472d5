/** Reads the vitals of the whole fleet in short transactions, so that check-ins come in between. */
import type { DeviceRecord } from "./core/records.ts";
import { devicesPerSpanReadMax } from "./core/vitals/limits.ts";
import type { SpanKind, VitalsSpan } from "./core/vitals/spans.ts";
import type { Store } from "./storage/store.ts";

/** Each device with its spans that begin within the time, oldest first; devices without any are left out. */
export async function* fleetSpans(
  store: Store,
  time: { kind: SpanKind; sinceMs: number; untilMs: number },
): AsyncGenerator<{ device: DeviceRecord; spans: VitalsSpan[] }> {
  for (let after: string | undefined; ; ) {
    const { devices, spans } = await store.tx(async (tx) => {
      const devices = await tx.devices({ after, limit: devicesPerSpanReadMax });
      const serials = devices.map(({ serial }) => serial);
      return { devices, spans: await tx.spans.ofDevices({ ...time, serials }) };
    });
    const bySerial = new Map<string, VitalsSpan[]>();
    for (const span of spans) {
      const own = bySerial.get(span.serial);
      if (own) own.push(span);
      else bySerial.set(span.serial, [span]);
    }
    for (const device of devices) {
      const own = bySerial.get(device.serial);
      if (own) yield { device, spans: own };
    }
    if (devices.length < devicesPerSpanReadMax) return;
    after = devices.at(-1)!.serial;
  }
}
