import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import nacl from "tweetnacl";
import { boards } from "../../../boards/index.ts";
import { LmsPrivateKey } from "../../../firmware/protocol/host/lms/index.ts";
import { buildCore, frameworkSources } from "../../cli/build/index.ts";
import type { Shape } from "../../espruino/interpreter.ts";

/** Lines that the program prints: what runs from there to the next one. Times of the two algorithms are compared by the
 *  processor time of the process, because one of them takes so long that other processes run beside it. */
export const Mark = { lms: "MARK lms", ed25519: "MARK ed25519", end: "MARK end" };
/** Verifications of an LMS signature whose mean is taken: some seconds of them. */
export const lmsRuns = 100;

/** The program that measures, and a flash with the core's LMS part in it, as the build makes it.
 *  Source: RFC 8554; the part is firmware/core/parts/lms.ts */
export async function lmsProgram(shape: Shape, withEd25519: boolean) {
  const board = { ...boards.puckjs! };
  const core = await buildCore(board, frameworkSources(board), {
    pretokenise: true,
    overBudget: "allow",
  });
  const part = core.parts.find(({ name }) => name === "lms")!;
  const at = part.address;
  const all = core.page0Text;
  const inPage0 = at < board.pageBytes;
  const offset = inPage0 ? at - 0x240 : at - board.plan.corePage * board.pageBytes - 32;
  const text = (inPage0 ? all : core.coreText).slice(offset, offset + part.bytes);
  const key = LmsPrivateKey.generate({
    height: 10,
    identifier: new Uint8Array(16).fill(7),
    seed: new Uint8Array(24).fill(9),
  });
  const message = Uint8Array.from({ length: 120 }, (_, i) => i);
  const signature = key.sign(5, message);
  const n = core.names;
  const file = new Uint8Array(shape.totalBytes).fill(255);
  const name = Buffer.from("lms");
  new DataView(file.buffer).setUint32(0, text.length, true);
  file.fill(0, 4, 32);
  file.set(name, 4);
  file.set(Buffer.from(text, "latin1"), 32);
  const program = `
var C=require("crypto"),hash=C.SHA256,hashes=0;
var H={${n.cat}:E.toUint8Array,${n.sha ?? "sha"}:function(d){return new Uint8Array(hash(d))},${n.hash ?? "hash"}:hash};
var K={${n.h}:H,${n.Bytes}:Uint8Array,${n.cut}:function(b,o,l){return new Uint8Array(b.buffer,b.byteOffset+o,l)},
${n.same}:function(a,b){for(var i=0,d=a.length^b.length;i<a.length;i++)d|=a[i]^b[i];return d===0}};
var pub=new Uint8Array([${key.publicKey}]),msg=new Uint8Array([${message}]),sig=new Uint8Array([${signature}]);
var ram="",T=require("Storage").read("lms");for(var i=0;i<T.length;i+=64)ram+=T.substr(i,64);
var copy=function(){return new Uint8Array(sig)};
var median=function(f){var t=[];for(var i=0;i<9;i++){var s=copy(),a=getTime();f(s);t.push((getTime()-a)*1000)}
return t.sort(function(a,b){return a-b})[4]};
var R=eval(ram)(K),F=eval(T)(K),good=R(pub,msg,copy())===true&&F(pub,msg,copy())===true;
var bad=copy();bad[100]^=1;good=good&&R(pub,msg,bad)===false;
H.${n.sha ?? "sha"}=function(d){hashes++;return new Uint8Array(hash(d))};H.${n.hash ?? "hash"}=function(d){hashes++;return hash(d)};
var counted=eval(ram)(K);counted(pub,msg,copy());var total=hashes;
H.${n.sha ?? "sha"}=function(d){return new Uint8Array(hash(d))};H.${n.hash ?? "hash"}=hash;
var view=new Uint8Array(47);
var hashMs=median(function(){for(var i=0;i<total;i++)hash(view)});
var ramMs=median(function(s){R(pub,msg,s)}),flashMs=median(function(s){F(pub,msg,s)});
print("${Mark.lms}");for(var i=0;i<${lmsRuns};i++)R(pub,msg,copy());
print("${Mark.end}");
${withEd25519 ? await ed25519Text() : ""}
print("MEASURED"+JSON.stringify({hashes:total,hashMs:hashMs,ramMs:ramMs,flashMs:flashMs,good:good}));
`;
  return { program, storage: file };
}

/** tweetnacl as it is published, one signature and its verification, once: it takes some 20 s. A bundle of it ends in an
 *  error at load: the interpreter does not run what bundlers put around a module. */
async function ed25519Text(): Promise<string> {
  const pair = nacl.sign.keyPair.fromSeed(new Uint8Array(32).fill(3));
  const message = new Uint8Array(32).fill(5);
  const signature = nacl.sign.detached(message, pair.secretKey);
  const file = createRequire(import.meta.url).resolve("tweetnacl/nacl-fast.js");
  const source = await readFile(file, "latin1");
  return `var module={exports:{}};
${source}
var edVerify=module.exports.sign.detached.verify;
var edMsg=new Uint8Array([${message}]),edSig=new Uint8Array([${signature}]),edPub=new Uint8Array([${pair.publicKey}]);
print("${Mark.ed25519}");var edGood=edVerify(edMsg,edSig,edPub);print("${Mark.end}");
good=good&&edGood===true;`;
}
