import type { Machine } from "./machine.ts";

const joinMs = 1200;
const refuseMs = 4000;

/** The network of simulated sites: its devices have it in their identity, as from a factory. */
export const siteWifi = { ssid: "site", password: "of the site" };

/** What a failed join calls back with. Source: interpreter libs/network/esp32/jswrap_esp32_network.c wifiReasonToString,
 *  libs/network/esp8266/jswrap_esp8266_network.c wifiConn */
const failures = {
  esp32: { missing: "NO_AP_FOUND", refused: "4WAY_HANDSHAKE_TIMEOUT" },
  esp8266: { missing: "no_ap_found", refused: "bad_password" },
};

/** Wi-Fi of a board that has it: joins the access point of its surroundings, or fails to. */
export class Wifi {
  readonly library: Record<string, unknown>;
  private joined: string | null = null;
  private joins = 0;
  private readonly machine: Machine;
  private readonly lost: () => void;

  /** @param lost called when the network has gone, before device code hears of it */
  constructor(machine: Machine, lost: () => void = () => undefined) {
    this.machine = machine;
    this.lost = lost;
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
    // A new call takes the place of one that waits, whose callback is then never called.
    const join = ++this.joins;
    machine.after(isWelcome() ? joinMs : refuseMs, () => {
      if (join !== this.joins || machine.wifi.isSilent) return;
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
      if (typeof done === "function")
        machine.call(done, null, [isJoined ? null : this.failure(ssid)]);
    });
  }

  private failure(ssid: string): string {
    const { board, wifi } = this.machine;
    const words = failures[board.chip === "ESP8266" ? "esp8266" : "esp32"];
    return wifi.ssid === ssid ? words.refused : words.missing;
  }

  private leave(reason: string): void {
    if (this.joined === null) return;
    const ssid = this.joined;
    this.joined = null;
    this.lost();
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
