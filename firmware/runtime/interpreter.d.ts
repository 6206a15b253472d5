/** Interpreter globals that apps use most; others are declared by the app that needs them. Pins are numbers to the type
 *  checker. Source: the interpreter's reference, espruino.com/Reference */
declare function analogRead(pin: number): number;
declare function analogWrite(pin: number, value: number, options?: { freq?: number }): void;
declare function digitalRead(pin: number): number;
declare function digitalWrite(pin: number, value: number | boolean): void;
/** Puts a level on a pin for so many milliseconds, then the other. */
declare function digitalPulse(pin: number, value: number | boolean, ms: number): void;
declare function setWatch(
  fn: () => void,
  pin: number,
  options?: { repeat?: boolean; edge?: "rising" | "falling" | "both"; debounce?: number },
): number;
declare function clearWatch(id: number): void;
/** Boards with Bluetooth; getBattery gives volts. */
declare const NRF: { getBattery(): number };
declare const D0: number;
declare const D1: number;
declare const D2: number;
declare const D3: number;
declare const D4: number;
declare const D5: number;
declare const LED1: number;
declare const BTN1: number;
