import type { Machine } from "./machine.ts";

const joinMs = 1200;
const refuseMs = 4000;

/** Wi-Fi of a board that has it: joins the access point of its surroundings, or fails to. */
export class Wifi {
  readonly library: Record<string, unknown>;
  private joined: string | null = null;
  private readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
    if (machine.wifi.joinsAtBoot) this.joined = machine.wifi.ssid;
    const { realm } = machine;
    this.library = realm.object({
      connect: machine.native((ssid: unknown, options: unknown, callback: unknown) =>
        this.connect(String(ssid), options, callback),
      ),
      disconnect: machine.native((callback: unknown) => {
        this.leave("user");
        if (typeof callback === "function")
          machine.post(() => machine.call(callback, null, [null]));
      }),
      getDetails: machine.native(() => this.details()),
      getStatus: machine.native(() =>
        realm.object({ mode: "sta", station: this.isUp() ? "connected" : "off", ap: "disabled" }),
      ),
      getIP: machine.native(() => realm.object({ ip: this.isUp() ? "192.168.1.17" : "0.0.0.0" })),
      scan: machine.native((callback: unknown) => this.scan(callback)),
      setHostname: machine.native(() => undefined),
      stopAP: machine.native(() => undefined),
    });
  }

  isUp(): boolean {
    return this.joined !== null && this.joined === this.machine.wifi.ssid;
  }

  /** To be called when the access point was changed from outside. */
  surroundingsChanged(): void {
    if (this.joined !== null && !this.isUp()) this.leave("beacon timeout");
  }

  private connect(ssid: string, options: unknown, callback: unknown): void {
    const { machine } = this;
    const done = typeof options === "function" ? options : callback;
    const password = String((options as { password?: unknown } | undefined)?.password ?? "");
    const isWelcome = () => machine.wifi.ssid === ssid && machine.wifi.password === password;
    machine.after(isWelcome() ? joinMs : refuseMs, () => {
      const isJoined = isWelcome();
      if (isJoined) {
        this.joined = ssid;
        machine.events.emit(this.library, "associated", machine.realm.object({ ssid }));
        machine.events.emit(
          this.library,
          "connected",
          machine.realm.object({ ip: "192.168.1.17" }),
        );
      }
      if (typeof done === "function") machine.call(done, null, [isJoined ? null : "no AP found"]);
    });
  }

  private leave(reason: string): void {
    if (this.joined === null) return;
    const ssid = this.joined;
    this.joined = null;
    this.machine.events.emit(
      this.library,
      "disconnected",
      this.machine.realm.object({ ssid, reason }),
    );
  }

  private details(): unknown {
    const { wifi, realm } = this.machine;
    if (!this.isUp()) return realm.object({ status: "off" });
    return realm.object({ status: "connected", ssid: wifi.ssid, rssi: wifi.rssiDbm });
  }

  private scan(callback: unknown): void {
    const { machine } = this;
    const { wifi, realm } = machine;
    if (typeof callback !== "function") return;
    const found = wifi.ssid === null ? [] : [realm.object({ ssid: wifi.ssid, rssi: wifi.rssiDbm })];
    machine.after(joinMs, () => machine.call(callback, null, [realm.array(found)]));
  }
}
