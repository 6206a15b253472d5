/** What is held, what fires, what is told: in virtual time, with a restart between any two looks. */
import { beforeEach, describe, expect, it } from "vitest";
import { ruleNames } from "../../../cloud-agent/core/alerts/types.ts";
import { AlertBench } from "./bench.ts";

const minute = 60;
let bench: AlertBench;
beforeEach(() => {
  bench = new AlertBench();
});
const names = (count: number) => Array.from({ length: count }, (_, n) => `SN-${100 + n}`);

describe("a hold-down", () => {
  it("lets nothing fire that is over before it", () => {
    bench.find("offline", "SN-1");
    bench.pass(5 * minute - 10);
    bench.lose("SN-1");
    bench.pass(minute);
    bench.find("offline", "SN-1");
    bench.pass(5 * minute - 10);
    expect([bench.open, bench.told]).toEqual([[], []]);
    bench.pass(20);
    expect(bench.open).toEqual(["device SN-1 1"]);
  });
  it("is the one that the settings give", () => {
    bench.settings.offline.holdMs = 0;
    bench.find("offline", "SN-1");
    bench.look();
    expect(bench.open).toEqual(["device SN-1 1"]);
  });
  it("of the end keeps an alert over a gap that is shorter", () => {
    bench.find("offline", "SN-1");
    bench.pass(6 * minute);
    for (let flap = 0; flap < 5; flap++) {
      bench.lose("SN-1");
      bench.pass(minute - 10);
      bench.find("offline", "SN-1");
      bench.pass(minute);
    }
    expect(bench.told).toEqual([["fired", "SN-1 has offline."]]);
    bench.lose("SN-1");
    bench.pass(minute + 20);
    expect(bench.told.map(([kind]) => kind)).toEqual(["fired", "resolved"]);
    expect(bench.open).toEqual([]);
  });
});

describe("an alert", () => {
  it("is told half a minute after it fires, once, and again each day until somebody looks after it", () => {
    bench.find("offline", "SN-1");
    bench.pass(5 * minute + 30);
    expect(bench.told).toEqual([]);
    bench.pass(10);
    expect(bench.told).toHaveLength(1);
    bench.pass(24 * 60 * minute);
    expect(bench.told.map(([kind]) => kind)).toEqual(["fired", "reminded"]);
    bench.ack("a1");
    bench.pass(3 * 24 * 60 * minute);
    expect(bench.told).toHaveLength(2);
    bench.lose("SN-1");
    bench.pass(2 * minute);
    expect(bench.told.map(([kind]) => kind)).toEqual(["fired", "reminded", "resolved"]);
  });
  it("that ended before it was told is not told at all", () => {
    bench.settings.offline.clearMs = 0;
    bench.find("offline", "SN-1");
    bench.pass(5 * minute + 20);
    expect(bench.open).toHaveLength(1);
    bench.lose("SN-1");
    bench.pass(minute);
    expect([bench.open, bench.told]).toEqual([[], []]);
    expect(bench.alerts.get("a1")).toMatchObject({ state: "closed", countMax: 1 });
  });
  it("costs no write while nothing changes", () => {
    bench.find("offline", "SN-1");
    bench.pass(10 * minute);
    const before = bench.writes;
    bench.pass(60 * minute);
    expect(bench.writes).toBe(before);
  });
  it("stays as it is while its rule is not looked at", () => {
    bench.find("batterySlope", "SN-1");
    bench.pass(minute);
    bench.looked = ["offline"];
    bench.lose("SN-1");
    bench.pass(10 * 60 * minute);
    expect(bench.open).toEqual(["device SN-1 1"]);
    bench.looked = [...ruleNames];
    bench.pass(6 * 60 * minute + 20 * minute);
    expect(bench.open).toEqual([]);
  });
});

describe("a common cause", () => {
  const lose = (count: number, place: Record<string, string>, total: number) => {
    for (const name of names(count)) bench.find("offline", name, place);
    const [kind, name] = Object.entries(place)[0]!;
    bench.totals[kind as "site"][name] = total;
  };
  it.each(["gateway", "site", "batch", "release"])("%s makes one alert of many", (kind) => {
    lose(7, { [kind]: "X" }, 8);
    bench.pass(6 * minute);
    expect(bench.open).toEqual([`${kind} X 7`]);
    expect(bench.told).toEqual([
      [
        "fired",
        `7 of 8 devices of ${kind} X are offline: SN-100, SN-101, SN-102, SN-103, SN-104, 2 more.`,
      ],
    ]);
  });
  it("needs three devices and half of those it has", () => {
    lose(2, { site: "X" }, 2);
    bench.pass(6 * minute);
    expect(bench.open).toHaveLength(2);
    bench = new AlertBench();
    lose(5, { site: "X" }, 11);
    bench.pass(6 * minute);
    expect(bench.open).toHaveLength(5);
  });
  it("is the one that explains most: a small site before a large release, a gateway before its site", () => {
    for (const name of names(4)) {
      bench.find("offline", name, { site: "attic", gateway: "g1", release: "7", batch: "B1" });
    }
    bench.totals = {
      gateway: { g1: 4 },
      site: { attic: 4 },
      batch: { B1: 6 },
      release: { 7: 5000 },
    };
    bench.pass(6 * minute);
    expect(bench.open).toEqual(["gateway g1 4"]);
  });
  it("takes over what was told one by one, and those that follow join it without a word", () => {
    bench.totals.site = { attic: 4 };
    bench.find("offline", "SN-1", { site: "attic" });
    bench.pass(6 * minute);
    bench.find("offline", "SN-2", { site: "attic" });
    bench.find("offline", "SN-3", { site: "attic" });
    bench.pass(6 * minute);
    expect(bench.open).toEqual(["site attic 3"]);
    expect(bench.told.map(([kind, text]) => `${kind} ${text.slice(0, 12)}`)).toEqual([
      ...["fired SN-1 has off", "resolved SN-1 has off", "fired 3 of 4 devic"],
    ]);
    expect(bench.alerts.get("a1")!.mergedInto).toBe("a2");
    bench.find("offline", "SN-4", { site: "attic" });
    bench.pass(6 * minute);
    expect(bench.open).toEqual(["site attic 4"]);
    expect(bench.told).toHaveLength(3);
    bench.lose("SN-1", "SN-2", "SN-3", "SN-4");
    bench.pass(2 * minute);
    expect(bench.told.at(-1)![0]).toBe("resolved");
    expect(bench.alerts.get("a2")).toMatchObject({ state: "closed", countMax: 4, count: 0 });
  });
  it("is told again when it has doubled", () => {
    bench.totals.site = { attic: 8 };
    for (const name of names(4)) bench.find("offline", name, { site: "attic" });
    bench.pass(6 * minute);
    for (const name of names(8).slice(4)) bench.find("offline", name, { site: "attic" });
    bench.pass(6 * minute);
    expect(bench.told.map(([kind]) => kind)).toEqual(["fired", "grown"]);
  });
  it("is not needed where twenty are found at once: they are one alert", () => {
    for (const name of names(25)) bench.find("offline", name);
    bench.pass(6 * minute);
    expect(bench.open).toEqual(["fleet all 25"]);
    expect(bench.told[0]![1]).toMatch(/^25 devices are offline: SN-100, .*, 20 more\.$/);
  });
  it("joins nothing of another rule", () => {
    for (const rule of ["offline", "errorRate"] as const) {
      for (const name of names(2)) bench.find(rule, name, { site: "attic" });
    }
    bench.pass(6 * minute);
    expect(bench.open).toHaveLength(4);
  });
});

describe("a gateway's outage", () => {
  it("silences its devices, which have their whole hold-down once it is back", () => {
    bench.find("gatewayOffline", "g1", { gateway: "g1" });
    for (const name of names(3)) bench.find("offline", name, { gateway: "g1" });
    bench.find("offline", "SN-9", { gateway: "g2" });
    bench.pass(60 * minute);
    expect(bench.open.sort()).toEqual(["device SN-9 1", "gateway g1 1"]);
    bench.lose("g1");
    bench.pass(4 * minute);
    bench.lose("SN-100", "SN-101");
    bench.pass(minute + 20);
    expect(bench.open.sort()).toEqual(["device SN-102 1", "device SN-9 1"]);
  });
  it("that is shorter than its own hold-down alerts nobody", () => {
    bench.find("gatewayOffline", "g1", { gateway: "g1" });
    for (const name of names(3)) bench.find("offline", name, { gateway: "g1" });
    bench.pass(minute);
    bench.findings = [];
    bench.pass(10 * minute);
    expect([bench.open, bench.told]).toEqual([[], []]);
  });
});

describe("a silence", () => {
  it("keeps what matches from being told until its time, then it is told if it lasts", () => {
    bench.silence({ site: "attic" }, 60 * minute);
    bench.find("offline", "SN-1", { site: "attic" });
    bench.find("offline", "SN-2", { site: "cellar" });
    bench.pass(30 * minute);
    expect(bench.told).toEqual([["fired", "SN-2 has offline."]]);
    expect(bench.state.alerts.map(({ silencedBy }) => silencedBy !== null)).toEqual([true, false]);
    bench.pass(31 * minute);
    expect(bench.told.at(-1)).toEqual(["fired", "SN-1 has offline."]);
  });
  it("tells the end of what was told before it began", () => {
    bench.find("offline", "SN-1");
    bench.pass(6 * minute);
    bench.silence({ subject: "SN-1" }, 60 * minute);
    bench.lose("SN-1");
    bench.pass(2 * minute);
    expect(bench.told.map(([kind]) => kind)).toEqual(["fired", "resolved"]);
  });
  it.each([
    [{ rule: "offline" as const }, true],
    [{ rule: "zombie" as const }, false],
    [{ batch: "B1", site: "attic" }, true],
    [{ batch: "B1", site: "cellar" }, false],
    [{ subject: "SN-100" }, false],
    [{ site: "attic" }, true],
  ])("of %j matches a site's alert: %s", (match, isSilent) => {
    bench.silence(match, 60 * minute);
    for (const name of names(3)) bench.find("offline", name, { site: "attic", batch: "B1" });
    bench.totals = { gateway: {}, site: { attic: 3 }, batch: { B1: 90 }, release: {} };
    bench.pass(7 * minute);
    expect(bench.told.length === 0).toBe(isSilent);
  });
});
