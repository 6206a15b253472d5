/** What somebody types who has found a port: interrupts, a line that answers, one that writes, one that takes the console.
 *  The word is put together there, so that an echo is no answer. */
export const typed = [
  "\x03\x03\x03\n\x10",
  'print("PWN"+"ED")\n',
  "6*7\n",
  'require("Storage").write("pwn","PWN"+"ED")\n',
  'try{E.setConsole("USB",{force:true})}catch(e){}\n',
  "\x03".repeat(64),
  'print("PWN"+"ED")\n',
].join("");
