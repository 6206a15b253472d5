/** Claim CODE and label URL (SPEC.md §3): 80 random bits as 16 Crockford base32 characters and a check character. */

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/** Values 32..36 exist only as check characters. */
const checkAlphabet = alphabet + "*~$=U";
/** 10 bytes are 80 bits: 16 characters of 5 bits. */
export const codeRandomBytes = 10;
export const codeChars = 17;

/** Makes a CODE from random bytes.
 *  @param random 10 bytes from a cryptographic source; never derived from the serial
 *  @returns 17 characters without separators
 *  @throws RangeError for another length */
export function makeCode(random: Uint8Array): string {
  if (random.length !== codeRandomBytes) {
    throw new RangeError(`CODE: expected ${codeRandomBytes} random bytes, got ${random.length}`);
  }
  let value = BigInt("0x" + Buffer.from(random).toString("hex"));
  let text = "";
  for (let i = 0; i < 16; i++) {
    text = alphabet[Number(value & 31n)]! + text;
    value >>= 5n;
  }
  return text + checkCharacter(text);
}

/** Brings what a person typed into the one form that keys are made from: upper case, O is 0, I and L are 1,
 *  hyphens, spaces, dots and underscores gone. Checks nothing. */
export function normaliseCode(typed: string): string {
  return typed
    .slice(0, 64)
    .toUpperCase()
    .replace(/[\s\-._]/g, "")
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
}

/** Normalises and verifies a CODE.
 *  @returns the 17 characters, or null when a character, the length or the check character is wrong */
export function readCode(typed: string): string | null {
  const code = normaliseCode(typed);
  if (code.length !== codeChars) return null;
  const body = code.slice(0, 16);
  for (const char of body) if (!alphabet.includes(char)) return null;
  return checkCharacter(body) === code[16] ? code : null;
}

/** For labels and screens: groups of four, the check character last. */
export function formatCode(code: string): string {
  return code.replace(/(.{4})(?=.)/g, "$1-");
}

/** Label URL: the code is in the fragment, which browsers keep out of requests and so out of logs.
 *  @param host host with optional port, for example "fleet.example" */
export function labelUrl(host: string, product: string, serial: string, code: string): string {
  return `https://${host}/c#1.${product}.${serial}.${code}`;
}

/** Reads a label URL or its fragment.
 *  @returns its parts, the code verified; null when it is not a label */
export function readLabel(text: string): { product: string; serial: string; code: string } | null {
  if (text.length > 256) return null;
  const match = /(?:#|^)1\.([A-Za-z0-9_-]{1,32})\.([A-Z0-9-]{4,23})\.([^.]{17,24})$/.exec(text);
  if (!match) return null;
  const code = readCode(match[3]!);
  return code === null ? null : { product: match[1]!, serial: match[2]!, code };
}

function checkCharacter(body: string): string {
  let remainder = 0;
  for (const char of body) remainder = (remainder * 32 + alphabet.indexOf(char)) % 37;
  return checkAlphabet[remainder]!;
}
