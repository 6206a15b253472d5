/** A receiver of webhooks: keeps what it is given and answers as it is told. */
import { createServer } from "node:http";

export interface Received {
  path: string;
  headers: Record<string, string | undefined>;
  body: string;
}

export interface HttpReceiver {
  url: string;
  received: Received[];
  /** status of the next answers; 0 answers nothing and ends the connection */
  status: number;
  /** headers of the next answers */
  headers: Record<string, string>;
  /** decides each answer by what came; null: answers as above. "none" leaves it without one */
  answer: ((got: Received) => { status: number; body?: string } | "none") | null;
  close(): Promise<void>;
}

export async function openHttpReceiver(): Promise<HttpReceiver> {
  const receiver: HttpReceiver = {
    ...{ url: "", received: [], status: 200, headers: {}, answer: null },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      const headers = request.headers as Record<string, string | undefined>;
      const got = { path: request.url ?? "", headers, body };
      receiver.received.push(got);
      const answer = receiver.answer?.(got);
      if (answer === "none") return;
      if (answer) {
        response.writeHead(answer.status, { "content-type": "application/json" });
        return void response.end(answer.body ?? "");
      }
      if (receiver.status === 0) return void request.socket.destroy();
      response.writeHead(receiver.status, receiver.headers).end("thank you");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  receiver.url = `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`;
  return receiver;
}
