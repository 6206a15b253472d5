import { answerMsMax } from "../core/outbox/limits.ts";
import type { OutboxEntry, Outcome } from "../core/outbox/outbox.ts";
import type { Output } from "./port.ts";

export interface EmailOptions {
  name: string;
  host: string;
  port: number;
  /** "tls": from the first byte; "starttls": the server has to offer it; "none": for a server on this host */
  security: "none" | "starttls" | "tls";
  user?: string | undefined;
  password?: string | undefined;
  from: string;
  to: string[];
}

/** What a body may say for people; everything else is shown as JSON. */
interface Mailable {
  subject?: string;
  text?: string;
}

/** Sends entries as mail over SMTP: a body's "subject" and "text", the whole body below. Repeats carry one Message-ID. */
export function createEmail(options: EmailOptions): Output {
  const { name, security, user, password } = options;
  return {
    name,
    async send(entry): Promise<Outcome> {
      // Loaded only where mail is configured.
      const { createTransport } = await import("nodemailer");
      const transport = createTransport({
        host: options.host,
        port: options.port,
        secure: security === "tls",
        requireTLS: security === "starttls",
        ignoreTLS: security === "none",
        ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
        connectionTimeout: answerMsMax,
        greetingTimeout: answerMsMax,
        socketTimeout: answerMsMax,
        // A body is data: it must not make the agent read files or fetch addresses.
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      try {
        await transport.sendMail(mailOf(entry, options));
        return { isDelivered: true };
      } catch (cause) {
        return { isDelivered: false, error: (cause as Error).message };
      } finally {
        transport.close();
      }
    },
  };
}

function mailOf(entry: OutboxEntry, { from, to }: EmailOptions) {
  const value = JSON.parse(entry.body) as Mailable;
  const details = JSON.stringify(value, null, 2);
  return {
    ...{ from, to },
    subject: (value.subject ?? value.text ?? entry.kind).slice(0, 200),
    text: `${value.text ?? entry.kind}\n\n${details}\n`,
    messageId: `<${entry.id}.${Math.floor(entry.createdMs / 1000)}@fleetling>`,
    headers: { "Fleetling-Id": entry.id, "Auto-Submitted": "auto-generated" },
  };
}
