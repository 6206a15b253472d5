import type { Machine } from "./machine.ts";

/** The NRF class: Bluetooth and the battery of boards that have it. */
export function nrfLib(machine: Machine): Record<string, unknown> {
  const nothing = machine.native(() => undefined);
  const nrf = machine.realm.object({
    getBattery: machine.native(() => {
      machine.battery.spend("analogRead");
      return machine.battery.volts;
    }),
    getAddress: machine.native(() => "c0:ff:ee:00:00:01 random"),
    getSecurityStatus: machine.native(() => machine.realm.object({ connected: false })),
    setServices: machine.native((_services: unknown, options: unknown) => {
      // Without the serial service neither the prompt nor data of the Bluetooth port exists any more.
      const uart = (options as { uart?: unknown } | undefined)?.uart;
      machine.consoles.bluetoothUart = uart === undefined || !!uart;
    }),
  });
  const quiet =
    "setAdvertising setScanResponse updateServices setTxPower setConnectionInterval setScan setRSSIHandler setSecurity " +
    "setWhitelist setAddress disconnect restart sleep wake eraseBonds";
  for (const name of quiet.split(" ")) nrf[name] = nothing;
  return nrf;
}
