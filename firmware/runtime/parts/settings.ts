import type { Kit } from "../../core/kit.ts";
import { Rec } from "../../flash/journal.ts";
import { Code } from "../../protocol/errors.ts";
import { settingTextCharsMax } from "../../protocol/limits.ts";

/** Takes the owner's settings: from the journal at start, or from a SETTINGS message, which is recorded first.
 *  What this image does not declare is kept unused, because the image before or after may; what does not fit a declaration
 *  leaves the value before in place. Each image reads through its own declarations, so a record that another one wrote
 *  is always readable.
 *  @returns (the app's settings by name, SETTINGS or undefined at start) → effective values by name, and codes of what was
 *  refused by name, null when there is nothing
 *  Source: SPEC.md §10 */
export default (k: Kit) =>
  (declared: any, order: any[] | undefined): [values: any, refused: any] => {
    const record = k.get(Rec.Settings) || [0, {}];
    const wanted = order ? order[2] : record[1];
    const kept: any = {};
    const values: any = {};
    let refused: any = (!order && record[2]) || null;
    for (const name in declared) values[name] = declared[name].default;
    for (const name in wanted) {
      const spec = declared[name];
      let value = wanted[name];
      // At most twice: the value that is wanted, then the one before it.
      for (let turn = 0; turn < 2 && value !== undefined; turn++) {
        const isText = typeof value === "string";
        const n = isText ? value.length : value;
        const code =
          typeof value === "object" || (isText && n > settingTextCharsMax)
            ? Code.SettingType
            : name.slice(0, 2) === "f."
              ? 0
              : !spec
                ? Code.SettingUnknown
                : typeof value !== spec.type
                  ? Code.SettingType
                  : // What is not declared compares as false.
                    (spec.choices && spec.choices.indexOf(value) < 0) ||
                      n < spec.min ||
                      n > spec.max
                    ? Code.SettingRange
                    : 0;
        if (code && !turn) {
          refused = refused || {};
          refused[name] = code;
        }
        if (!code || code === Code.SettingUnknown) {
          kept[name] = value;
          if (!code) values[name] = value;
          break;
        }
        value = order ? record[1][name] : undefined;
      }
    }
    if (order) k.put(Rec.Settings, refused ? [order[1], kept, refused] : [order[1], kept]);
    return [values, refused];
  };
