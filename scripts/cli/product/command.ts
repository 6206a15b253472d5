import { readFileSync } from "node:fs";
import type { Command } from "commander";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  path,
  show,
  withApiFlags,
} from "../api/client.ts";

interface Product {
  model: string;
  name: string;
  supportUntil: string;
  endOfSale: string | null;
  endOfLife: string | null;
  stage: string;
}

const setExample = `
Example: sensor-1.json
  {"name": "Sensor 1", "supportUntil": "2031-12-31", "endOfSale": null, "endOfLife": null,
   "endOfLifePolicy": "The app goes on without the cloud; a last release turns it off.",
   "disposal": "Lithium coin cell: remove it, then electronic waste (WEEE)."}
  $ fleetling product set sensor-1 sensor-1.json
  A day may be moved later, never earlier.
`;

const sunsetExample = `
Examples:
  $ fleetling product sunset sensor-1
  $ fleetling product sunset sensor-1 --end
  The order waits until each device has come; it stays in force over restarts and is ended by --end alone.
`;

interface SunsetReply {
  model: string;
  ordered: number;
  unchanged: number;
  pending: string[];
}

/** Adds `fleetling product set | list | sunset`. */
export function register(program: Command): void {
  const product = program
    .command("product")
    .description("What is promised of each model: support, end of sale, end of life");
  withApiFlags(product.command("set"))
    .description("Set what is promised of a model")
    .argument("<model>", "as in the birth records")
    .argument("<file>", "JSON")
    .addHelpText("after", setExample)
    .action(async (model: string, file: string, flags: ApiFlags) => {
      const made = await callApi<Product>(
        flags,
        "PUT",
        path`/v1/products/${model}`,
        readJson(file),
      );
      show(flags, made, [`${made.model}: supported until ${made.supportUntil}`]);
    });
  withApiFlags(product.command("sunset"))
    .description("Order all claimed devices of a model to go on alone, without the agent, for good")
    .argument("<model>", "as in the birth records")
    .option("--end", "order them back")
    .addHelpText("after", sunsetExample)
    .action(async (model: string, flags: ApiFlags & { end?: boolean }) => {
      const method = flags.end ? "DELETE" : "POST";
      const reply = await callApi<SunsetReply>(flags, method, path`/v1/products/${model}/sunset`);
      const { ordered, unchanged, pending } = reply;
      const where = flags.end ? "back" : "into local mode";
      const lines = [`${model}: ${ordered} ordered ${where}, ${unchanged} unchanged`];
      if (pending.length > 0)
        lines.push(`another order waits, ask again later: ${pending.join(" ")}`);
      show(flags, reply, lines);
    });
  withApiFlags(product.command("list"))
    .description("All models with their days")
    .addHelpText("after", "\nExample:\n  $ fleetling product list --json\n")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ products: Product[] }>(flags, "GET", "/v1/products");
      const rows = reply.products.map((one) => [
        ...[one.model, one.stage, one.supportUntil, one.endOfSale, one.endOfLife],
      ]);
      const head = ["model", "stage", "support until", "end of sale", "end of life"];
      show(flags, reply, columns(head, rows));
    });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new ApiError(
      "FILE_INVALID",
      `FILE_INVALID: ${file}: expected a JSON file, got: ${(cause as Error).message}. See --help.`,
      { cause },
    );
  }
}
