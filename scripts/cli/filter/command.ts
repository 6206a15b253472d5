import type { Command } from "commander";
import { type ApiFlags, callApi, columns, path, show, withApiFlags } from "../api/client.ts";

interface Saved {
  name: string;
  where: string;
  note: string;
  revision: number;
  person: string;
  usedBy: { id: string; name: string; status: string; isSame: boolean }[];
}
interface Preview {
  count: number;
  isWhole: boolean;
  sample: {
    serial: string;
    board: string;
    site: string | null;
    runningSequence: number;
    lifecycleName: string;
  }[];
}

const example = `
Examples:
  $ fleetling filter preview "board in (puckjs, esp32) and release < 12 and batteryMv > 2400"
  $ fleetling filter save weak --where "batteryMv < 2500 and lastSeen < 2d and not tag = mains"
  $ fleetling device list --filter weak
  $ fleetling filter fields

An expression compares fields: = != < <= > >=, in ( … ), not in ( … ), joined by and, or, not and brackets. Times carry
their unit (3d, 12h), "none" stands for nothing known, a word that ends with * for all that begin so, and a text with
blanks stands in quotes. What is not known of a device matches no comparison.
`;

/** Adds `fleetling filter save | list | show | delete | preview | fields`. */
export function register(program: Command): void {
  const filter = program
    .command("filter")
    .description("Devices by what is known of them; under a name: a dynamic group")
    .addHelpText("after", example);
  registerDeeds(filter);
  withApiFlags(filter.command("list"))
    .description("Saved filters")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ filters: Saved[] }>(flags, "GET", "/v1/filters");
      const rows = reply.filters.map((one) => [one.name, one.revision, one.person, one.where]);
      show(flags, reply, columns(["filter", "revision", "by", "where"], rows));
    });
  withApiFlags(filter.command("show"))
    .description("One saved filter, and the rollouts under way that name it")
    .argument("<name>")
    .action(async (name: string, flags: ApiFlags) => {
      const one = await callApi<Saved>(flags, "GET", path`/v1/filters/${name}`);
      show(flags, one, linesOf(one));
    });
  withApiFlags(filter.command("preview"))
    .description("How many devices a filter means now, and some of them")
    .argument("<filter>", "name of a saved one, or an expression")
    .option("--sample <n>", "devices to show, at most 100", "10")
    .addHelpText("after", example)
    .action(async (text: string, flags: ApiFlags & { sample: string }) => {
      const body = { filter: text, sample: Number(flags.sample) };
      const found = await callApi<Preview>(flags, "POST", "/v1/filters/preview", body);
      const rows = found.sample.map((one) => [
        ...[one.serial, one.lifecycleName, one.runningSequence || null, one.board, one.site],
      ]);
      const count = `${found.isWhole ? "" : "at least "}${found.count} devices`;
      const table = columns(["serial", "state", "release", "board", "site"], rows);
      show(flags, found, rows.length === 0 ? [count] : [count, ...table]);
    });
  withApiFlags(filter.command("fields"))
    .description("What a filter can ask of a device")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<Fields>(flags, "GET", "/v1/filters/fields");
      const rows = reply.fields.map(({ name, type, isReported, words, help }) => {
        const values = words.length === 0 ? "" : `: ${words.join(", ")}`;
        return [name, type, isReported ? "device" : "label", help + values];
      });
      for (const [name, help] of Object.entries(reply.families)) {
        rows.push([name, "any", "device", help]);
      }
      for (const [name, meant] of Object.entries(reply.aliases)) {
        rows.push([name, "", "", `the same as ${meant}`]);
      }
      show(flags, reply, columns(["field", "type", "told by", "what"], rows));
    });
}

interface Fields {
  fields: { name: string; type: string; isReported: boolean; words: string[]; help: string }[];
  aliases: Record<string, string>;
  families: Record<string, string>;
}

function registerDeeds(filter: Command): void {
  withApiFlags(filter.command("save"))
    .description("Save a filter under a name, or give it another text")
    .argument("<name>")
    .requiredOption("--where <expression>", "what devices have to match")
    .option("--note <text>", "what it is for")
    .addHelpText("after", example)
    .action(async (name: string, flags: ApiFlags & { where: string; note?: string }) => {
      const { where, note } = flags;
      const body = { where, note };
      const one = await callApi<Saved>(flags, "PUT", path`/v1/filters/${name}`, body);
      show(flags, one, linesOf(one));
    });
  withApiFlags(filter.command("delete"))
    .description("Delete a saved filter that no rollout under way names")
    .argument("<name>")
    .action(async (name: string, flags: ApiFlags) => {
      await callApi(flags, "DELETE", path`/v1/filters/${name}`);
      show(flags, null, [`filter ${name} is deleted`]);
    });
}

function linesOf({ name, where, note, revision, person, usedBy }: Saved): string[] {
  const lines = [`${name}  revision ${revision}, by ${person}`, `  ${where}`];
  if (note !== "") lines.push(`  ${note}`);
  for (const one of usedBy) {
    const other = one.isSame ? "" : ", with the text of its draft";
    lines.push(`  rollout ${one.id} (${one.status}) "${one.name}" names it${other}`);
  }
  return lines;
}
