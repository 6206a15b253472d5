import { connect } from "node:net";

/** One TCP connection as a board sees it. */
export interface SimConnection {
  write(data: Uint8Array): void;
  /** Closes once all that was written is sent. */
  end(): void;
  /** Closes at once, as a board does that loses power. */
  destroy(): void;
}

/** What a connection reports. `closed` comes exactly once, last. */
export interface ConnectionEvents {
  connected(): void;
  data(data: Uint8Array): void;
  drained(): void;
  /** @param error message when it did not end by agreement */
  closed(error?: string): void;
}

/** The network that boards with a network of their own live in. */
export interface SimNet {
  connect(host: string, port: number, events: ConnectionEvents): SimConnection;
}

/** The host's TCP. */
export function realNet(): SimNet {
  return {
    connect(host, port, events) {
      const socket = connect({ host, port, noDelay: true });
      let failure: string | undefined;
      let isClosed = false;
      socket.on("connect", () => events.connected());
      socket.on("data", (data) => events.data(new Uint8Array(data)));
      socket.on("error", (error) => {
        failure = error.message;
      });
      socket.on("close", () => {
        if (isClosed) return;
        isClosed = true;
        events.closed(failure);
      });
      return {
        write(data) {
          socket.write(data, () => events.drained());
        },
        end: () => void socket.end(),
        destroy: () => void socket.destroy(),
      };
    },
  };
}

/** A network without anybody in it: every connection fails. */
export function noNet(): SimNet {
  return {
    connect(_host, _port, events) {
      let isClosed = false;
      const fail = () => {
        if (isClosed) return;
        isClosed = true;
        events.closed("no route");
      };
      queueMicrotask(fail);
      return { write() {}, end: fail, destroy: fail };
    },
  };
}
