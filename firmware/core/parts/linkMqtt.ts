import { lp } from "../../crypto/hmac.ts";
import { IdAt, idNumber, idText } from "../../flash/identity.ts";
import { Rec } from "../../flash/journal.ts";
import { setHal } from "../../hal/current.ts";
import type { Bytes, Piece } from "../../hal/hal.ts";
import { Code } from "../../protocol/errors.ts";
import { messageBytesMax } from "../../protocol/limits.ts";
import type { Kit } from "../kit.ts";
import type { Send } from "./linkSerial.ts";

declare const require: (name: string) => any;

const keepAliveS = 60;
const retryMsMax = 60_000;
/** Longest wait for a join: the interpreter calls back once, or never (no address given, a call in vain).
 *  Its own three tries take less. Source: interpreter libs/network/esp32/jswrap_esp32_network.c, s_retry_num */
const joinMsMax = 30_000;

const text = (s: string): Piece => [s.length >> 8, s.length, s];

/** MQTT 3.1.1, QoS 0, over TCP of the board's own: CONNECT, SUBSCRIBE, PUBLISH, PINGREQ and no more.
 *  Nothing is trusted because of it. A board with Wi-Fi joins the network of its identity first, and again after each loss;
 *  without an SSID there, the network is somebody else's matter. Source: SPEC.md §5, §5.1; MQTT 3.1.1 §2–3
 *  @returns (onMessage, onUp) → Send */
export default (k: Kit) =>
  (onMessage: (m: Bytes) => void, onUp: () => void): Send => {
    setHal(k.h);
    let socket: DeviceSocket | null = null;
    let up = false;
    let buffer = "";
    let connects = 0;
    let retryMs = 1000;
    let isJoined = !BOARD.wifi || !idText(IdAt.Ssid, 32);
    const packet = (type: number, body: Piece) => {
      const b = k.h.cat(body);
      const n = b.length;
      if (socket)
        socket["write"](k.h.str(k.h.cat([type, n < 128 ? n : [(n & 127) | 128, n >> 7], b])));
    };
    const password = () => {
      const key = k.get(Rec.Key);
      if (k.get(Rec.Wipe)) return "wiped";
      const counter = "" + (k.boot[0] * 4096 + ++connects);
      const mqtt = k.hmac(key ? key[1] : k.h.read(IdAt.DeviceKey, 32), lp(["FL1-mqtt"]));
      const tag = k.hmac(mqtt, lp(["FL1-pw", counter]));
      let hex = "";
      for (let i = 0; i < 16; i++) hex += (tag[i]! + 256).toString(16).slice(1);
      return counter + "." + (key ? key[0] : 0) + "." + hex;
    };
    /** Tries again after a doubled pause, half of it random: after an outage a fleet must not come back as one. The longest
     *  pause grows with the square of the silence, to 18 h after a month of it or a sunset order. */
    const retry = () => {
      k.h.after(connect, retryMs / 2 + (retryMs * k.random(1)[0]!) / 512);
      const life = k.get(Rec.Life);
      const quarters = (life && life[3]) || 0;
      const n = quarters < 0 || quarters > 120 ? 120 : quarters;
      const mostMs = retryMsMax + n * n * 4500;
      retryMs = retryMs * 2 > mostMs ? mostMs : retryMs * 2;
    };
    const down = () => {
      if (!socket) return;
      socket = null;
      up = false;
      buffer = "";
      retry();
    };
    const received = (type: number, body: string) => {
      if (type === 32) {
        if (body.charCodeAt(1)) return socket && socket.end();
        packet(130, [0, 1, text("fl/" + k.serial + "/dn"), 0]);
      } else if (type === 144) {
        up = true;
        retryMs = 1000;
        onUp();
      } else if (type === 48) {
        onMessage(k.h.cat(body.slice(2 + body.charCodeAt(1))));
      }
    };
    /** One try to join; the pause before the next one is that of connections. */
    const join = () => {
      let waits = true;
      const done = (error: unknown) => {
        if (!error) isJoined = true;
        if (!waits) return;
        waits = false;
        if (isJoined) return connect();
        // ESP32: NO_AP_FOUND, AUTH_FAIL, 4WAY_HANDSHAKE_TIMEOUT; ESP8266: no_ap_found, bad_password, auth_expire.
        const e = "" + error;
        const code = /found/i.test(e)
          ? Code.WifiNotFound
          : /pass|auth|shake/i.test(e)
            ? Code.WifiRefused
            : Code.WifiFailed;
        k.off = [code, k.off ? k.off[1]! + 1 : 1];
        retry();
      };
      k.h.after(() => done("late"), joinMsMax);
      try {
        const password = idText(IdAt.Password, 64);
        require("Wifi").connect(idText(IdAt.Ssid, 32), { password }, done);
      } catch (error) {
        done(error);
      }
    };
    const connect = () => {
      if (BOARD.wifi && !isJoined) return join();
      let s: DeviceSocket;
      try {
        s = require("net").connect(
          { host: idText(IdAt.Host, 46), port: idNumber(IdAt.Port, 2) },
          () => {
            const serial = k.serial;
            packet(16, [
              text("MQTT"),
              4,
              0xc2,
              0,
              keepAliveS,
              text(serial),
              text(serial),
              text(password()),
            ]);
          },
        );
      } catch {
        // No network yet: the interpreter throws. That is the world's fault, not a crash of this image.
        return retry();
      }
      socket = s;
      s.on("data", (data) => {
        if (socket !== s) return;
        buffer += data;
        while (buffer.length > 1) {
          let n = buffer.charCodeAt(1);
          let at = 2;
          if (n > 127) {
            if (buffer.length < 3) return;
            n = (n & 127) | (buffer.charCodeAt(2) << 7);
            at = 3;
          }
          if (n > messageBytesMax + 64) return s.end();
          if (buffer.length < at + n) return;
          const type = buffer.charCodeAt(0) & 0xf0;
          const body = buffer.slice(at, at + n);
          buffer = buffer.slice(at + n);
          received(type, body);
        }
      });
      s.on("close", () => socket === s && down());
      s.on("error", () => socket === s && down());
    };
    k.h.every(() => {
      if (up) packet(192, "");
    }, keepAliveS * 700);
    if (BOARD.wifi && !isJoined)
      require("Wifi").on("disconnected", () => {
        isJoined = false;
        const s = socket;
        down();
        // Its far end is out of reach: the interpreter would keep it for minutes.
        if (s) s.end();
      });
    connect();
    return (m) => {
      if (up) packet(48, [text("fl/" + k.serial + "/up"), m]);
      return up;
    };
  };
