/** What the agent needs of an MQTT broker, its own or somebody else's. */
export interface BrokerPort {
  /** @returns the port that devices connect to */
  start(): Promise<number>;
  stop(): Promise<void>;
  /** Sends at QoS 0; a client that is not there misses it. Never throws. */
  publish(topic: string, bytes: Uint8Array): void;
  /** false while an external broker is away */
  isConnected(): boolean;
  /** Ids of the gateways that are connected now. */
  gateways(): string[];
  /** Sets the one consumer of what devices and gateways publish; called before start. */
  onMessage(handler: (topic: string, bytes: Uint8Array) => void): void;
}

export interface Topic {
  /** "fl" or "gw/ID" */
  route: string;
  serial: string;
}

/** Reads the topic of a message from a device.
 *  @returns null for any other topic
 *  Source: SPEC.md §5 */
export function readUpTopic(topic: string): Topic | null {
  const match =
    /^fl\/([A-Z0-9-]{4,23})\/up$/.exec(topic) ??
    /^(gw\/[A-Za-z0-9_-]{1,32})\/up\/([A-Z0-9-]{4,23})$/.exec(topic);
  if (!match) return null;
  return match[2] === undefined
    ? { route: "fl", serial: match[1]! }
    : { route: match[1]!, serial: match[2] };
}

/** Topic of messages to a device on its route. */
export function downTopic({ route, serial }: Topic): string {
  return route === "fl" ? `fl/${serial}/dn` : `${route}/dn/${serial}`;
}
