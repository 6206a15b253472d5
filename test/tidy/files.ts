/** What the tidy tests read: the tree's own source files. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

export interface SourceFile {
  /** from the root, with "/" */
  path: string;
  text: string;
}

/** Source files below a folder, by path. */
export function sourceFiles(...folders: string[]): SourceFile[] {
  return folders
    .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs|cjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/[\\/](node_modules|dist)[\\/]/.test(path))
    .map((path) => ({
      path: relative(root, path).split(sep).join("/"),
      text: readFileSync(path, "utf8"),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A text of the tree. */
export const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Code without comments: what a comment forbids or explains is no call. Lines stay where they are. */
export function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " "))
    .replace(/(^|[^:"'`])\/\/.*$/gm, "$1");
}

/** "path:line" of every match in code. */
export function finds(files: SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, text }) =>
    withoutComments(text)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

/** Members of `export const enum NAME`, by name: such an enum leaves nothing to look into at run time. */
export function enumMembers(path: string, name: string): Map<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(read(path))?.[1] ?? "";
  const members = [...body.matchAll(/^\s*(\w+) = (\d+),/gm)];
  return new Map(members.map(([, member, number]) => [member!, Number(number)]));
}

/** Rows of the Markdown table under a heading that has these column names. Cells are trimmed.
 *  @returns [] when there is no such table */
export function tableRows(markdown: string, ...columns: string[]): string[][] {
  const cells = (line: string) =>
    line
      .replace(/^\||\|$/g, "")
      .split("|")
      .map((cell) => cell.trim());
  const lines = markdown.split("\n");
  const start = lines.findIndex((line) => {
    return line.startsWith("|") && cells(line).join() === columns.join();
  });
  if (start < 0) return [];
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    rows.push(cells(line));
  }
  return rows;
}
