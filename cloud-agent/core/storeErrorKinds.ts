import type { ErrorKind } from "./errors.ts";

/** What 680 to 689 say: the database and the broker. The numbers have their names in errors.ts; keyed by number here, because that file
 *  needs this one first. */
export const storeErrorKinds: Record<number, ErrorKind> = {
  680: {
    name: "StoreUnreachable",
    status: 503,
    next: "Check that the database runs and that DATABASE_URL is right; the agent goes on by itself once it answers.",
  },
  681: {
    name: "StoreMoved",
    status: 503,
    next: "Start the agent on the database that the message names. To go back, move the data back with fleetling agent migrate-store.",
  },
  682: {
    name: "StoreNotEmpty",
    status: 409,
    next: "Name a new and empty database: two fleets cannot be joined.",
  },
  683: {
    name: "BrokerUnreachable",
    status: 503,
    next: "Check that the broker runs, MQTT_URL, and the agent's rights on fl/+/up, fl/+/dn, gw/+/up/+ and gw/+/dn/+.",
  },
};
