/** What a customer's app gets and gives. */

/** Handed to `start`. */
export interface Device {
  /** serial from the factory */
  serial: string;
  /** Reports one reading of a declared metric; the agent gets least, greatest and last since the last check-in.
   *  @param value whole number; @throws "metric NAME is not declared" */
  metric(name: string, value: number): void;
  /** Value that the owner set in the cloud, or undefined. */
  setting(name: string): number | string | boolean | undefined;
  /** Called when the owner's settings have changed. */
  onSettings(fn: () => void): void;
}

/** A part of flash or a peripheral that holds owner data and must be gone after a wipe. */
export interface Region {
  name: string;
  /** clears it; called when a wipe is ordered, before keys are zeroed */
  clear?(): void;
}

/** The module that `fleetling build` takes. */
export interface App {
  /** Starts the app. Called once per start, when the device is claimed. An error here fails a trial. */
  start(device: Device): void;
  /** false keeps a release on trial from being confirmed. Default: healthy. */
  healthy?(): boolean;
  /** false holds the restart into a new release (a moving motor). At most a day. Default: ready. */
  readyToReboot?(): boolean;
  /** names of the app's metrics, at most 8, each at most 16 characters */
  metrics?: string[];
  /** every place where owner data is kept; [] says that there is none. Required: a wipe must know. */
  regions: Region[];
}
