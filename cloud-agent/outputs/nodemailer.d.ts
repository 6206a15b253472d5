/** What the agent uses of nodemailer, so that the rest of it stays out of reach. */
declare module "nodemailer" {
  interface Transport {
    sendMail(mail: {
      from: string;
      to: string[];
      subject: string;
      text: string;
      messageId: string;
      headers: Record<string, string>;
    }): Promise<unknown>;
    close(): void;
  }
  export function createTransport(options: {
    host: string;
    port: number;
    secure: boolean;
    requireTLS: boolean;
    ignoreTLS: boolean;
    auth?: { user: string; pass: string };
    connectionTimeout: number;
    greetingTimeout: number;
    socketTimeout: number;
    disableFileAccess: boolean;
    disableUrlAccess: boolean;
  }): Transport;
}
