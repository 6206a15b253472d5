/** Interpreter globals that apps use most. Pins are numbers to the type checker. */
declare function analogRead(pin: number): number;
declare function digitalRead(pin: number): number;
declare function digitalWrite(pin: number, value: number | boolean): void;
declare function setWatch(
  fn: () => void,
  pin: number,
  options?: { repeat?: boolean; edge?: "rising" | "falling" | "both"; debounce?: number },
): number;
declare const D0: number;
declare const D1: number;
declare const D2: number;
declare const D3: number;
declare const LED1: number;
declare const BTN1: number;
