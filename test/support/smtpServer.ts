/** A small SMTP server over TCP (RFC 5321, AUTH PLAIN): keeps the mail it is given, or refuses it. */
import { createServer, type Socket } from "node:net";

export interface Mail {
  from: string;
  to: string[];
  /** user and password as logged in with; null without a login */
  login: string | null;
  /** headers and body as sent, dots undone */
  data: string;
}

export interface SmtpServer {
  port: number;
  mails: Mail[];
  /** answers RCPT with it; null accepts */
  refusal: string | null;
  close(): Promise<void>;
}

export async function openSmtpServer(): Promise<SmtpServer> {
  const open = new Set<Socket>();
  const smtp: SmtpServer = {
    ...{ port: 0, mails: [], refusal: null },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    serve(socket, smtp);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  smtp.port = (server.address() as { port: number }).port;
  return smtp;
}

function serve(socket: Socket, smtp: SmtpServer): void {
  const fresh = (): Mail => ({ from: "", to: [], login: null, data: "" });
  let mail = fresh();
  let isData = false;
  let waiting = "";
  const say = (line: string) => socket.write(`${line}\r\n`);
  const take = (line: string) => {
    if (isData) {
      if (line !== ".") {
        mail.data += `${line.startsWith(".") ? line.slice(1) : line}\r\n`;
        return;
      }
      isData = false;
      smtp.mails.push(mail);
      mail = { ...fresh(), login: mail.login };
      say("250 kept");
      return;
    }
    const [word = "", rest = ""] = [line.slice(0, 4).toUpperCase(), line.slice(5)];
    if (word === "EHLO") {
      say("250-test");
      say("250 AUTH PLAIN");
    } else if (word === "AUTH") {
      const [, user, password] = Buffer.from(rest.split(" ")[1]!, "base64").toString().split("\0");
      mail.login = `${user}:${password}`;
      say("235 welcome");
    } else if (word === "MAIL") {
      mail.from = /<(.*)>/.exec(rest)![1]!;
      say("250 ok");
    } else if (word === "RCPT") {
      mail.to.push(/<(.*)>/.exec(rest)![1]!);
      say(smtp.refusal ?? "250 ok");
    } else if (word === "DATA") {
      isData = true;
      say("354 go on");
    } else if (word === "QUIT") {
      say("221 bye");
      socket.end();
    } else say("502 not here");
  };
  say("220 test");
  socket.on("data", (bytes) => {
    waiting += bytes.toString("utf8");
    for (let at = waiting.indexOf("\r\n"); at >= 0; at = waiting.indexOf("\r\n")) {
      const line = waiting.slice(0, at);
      waiting = waiting.slice(at + 2);
      take(line);
    }
  });
}
