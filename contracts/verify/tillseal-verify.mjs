#!/usr/bin/env node

// src/cli/main.ts
import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";

// node_modules/@noble/hashes/_u64.js
var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
var _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = false) {
  if (le)
    return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
  return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = false) {
  const len = lst.length;
  let Ah = new Uint32Array(len);
  let Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    const { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}
var fromNumH = (n) => n / 2 ** 32 | 0;
var fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE2) {
  const h = fromNumH(n);
  const l = fromNumL(n);
  view.setUint32(byteOffset, isLE2 ? l : h, isLE2);
  view.setUint32(byteOffset + 4, isLE2 ? h : l, isLE2);
}
var shrSH = (h, _l, s) => h >>> s;
var shrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrSH = (h, l, s) => h >>> s | l << 32 - s;
var rotrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrBH = (h, l, s) => h << 64 - s | l >>> s - 32;
var rotrBL = (h, l, s) => h >>> s - 32 | l << 64 - s;
function add(Ah, Al, Bh, Bl) {
  const l = (Al >>> 0) + (Bl >>> 0);
  return { h: Ah + Bh + (l / 2 ** 32 | 0) | 0, l: l | 0 };
}
var add3L = (Al, Bl, Cl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0);
var add3H = (low, Ah, Bh, Ch) => Ah + Bh + Ch + (low / 2 ** 32 | 0) | 0;
var add4L = (Al, Bl, Cl, Dl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0);
var add4H = (low, Ah, Bh, Ch, Dh) => Ah + Bh + Ch + Dh + (low / 2 ** 32 | 0) | 0;
var add5L = (Al, Bl, Cl, Dl, El) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0) + (El >>> 0);
var add5H = (low, Ah, Bh, Ch, Dh, Eh) => Ah + Bh + Ch + Dh + Eh + (low / 2 ** 32 | 0) | 0;

// node_modules/@noble/hashes/utils.js
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abool(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes)
    throw new TypeError(message);
  throw new RangeError(message);
}
var aobject = (value, label) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label) => {
  aobject(value, label);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished = true) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes(out, void 0, "output");
  const min = instance.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function u32(arr) {
  return new Uint32Array(arr.buffer, arr.byteOffset, Math.floor(arr.byteLength / 4));
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotr(word2, shift) {
  return word2 << 32 - shift | word2 >>> shift;
}
var isLE = /* @__PURE__ */ (() => new Uint8Array(new Uint32Array([287454020]).buffer)[0] === 68)();
function byteSwap(word2) {
  return word2 << 24 & 4278190080 | word2 << 8 & 16711680 | word2 >>> 8 & 65280 | word2 >>> 24 & 255;
}
function byteSwap32(arr) {
  for (let i = 0; i < arr.length; i++) {
    arr[i] = byteSwap(arr[i]);
  }
  return arr;
}
var swap32IfBE = isLE ? (u) => u : byteSwap32;
var hasHexBuiltin = /* @__PURE__ */ (() => (
  // @ts-ignore
  typeof Uint8Array.from([]).toHex === "function" && typeof Uint8Array.fromHex === "function"
))();
var hexes = /* @__PURE__ */ Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
function bytesToHex(bytes) {
  abytes(bytes);
  if (hasHexBuiltin)
    return bytes.toHex();
  let hex = "";
  for (let i = 0; i < bytes.length; i++) {
    hex += hexes[bytes[i]];
  }
  return hex;
}
function asciiToBase16(ch) {
  return ch >= 48 && ch <= 57 ? ch - 48 : ch >= 65 && ch <= 70 ? ch - (65 - 10) : ch >= 97 && ch <= 102 ? ch - (97 - 10) : void 0;
}
function hexToBytes(hex) {
  if (typeof hex !== "string")
    throw new TypeError("hex string expected, got " + typeof hex);
  if (hasHexBuiltin) {
    try {
      return Uint8Array.fromHex(hex);
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new RangeError(error.message);
      throw error;
    }
  }
  const hl = hex.length;
  const al = hl / 2;
  if (hl % 2)
    throw new RangeError("hex string expected, got unpadded hex of length " + hl);
  const array = new Uint8Array(al);
  for (let ai = 0, hi = 0; ai < al; ai++, hi += 2) {
    const n1 = asciiToBase16(hex.charCodeAt(hi));
    const n2 = asciiToBase16(hex.charCodeAt(hi + 1));
    if (n1 === void 0 || n2 === void 0) {
      const char = hex[hi] + hex[hi + 1];
      throw new RangeError('hex string expected, got non-hex character "' + char + '" at index ' + hi);
    }
    array[ai] = n1 * 16 + n2;
  }
  return array;
}
function concatBytes(...arrays) {
  let sum = 0;
  for (let i = 0; i < arrays.length; i++) {
    const a = arrays[i];
    abytes(a);
    sum += a.length;
  }
  const res = new Uint8Array(sum);
  for (let i = 0, pad = 0; i < arrays.length; i++) {
    const a = arrays[i];
    res.set(a, pad);
    pad += a.length;
  }
  return res;
}
function checkOpts(defaults, opts, title = "opts") {
  aopts(defaults, "defaults");
  if (opts !== void 0)
    aopts(opts, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts) => hashCons(opts);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}
function randomBytes(bytesLength = 32) {
  anumber(bytesLength, "bytesLength");
  const cr = typeof globalThis === "object" ? globalThis.crypto : null;
  if (typeof cr?.getRandomValues !== "function")
    throw new Error("crypto.getRandomValues must be defined");
  if (bytesLength > 65536)
    throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
  return cr.getRandomValues(new Uint8Array(bytesLength));
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// node_modules/@noble/hashes/sha3.js
var _0n = BigInt(0);
var _1n = BigInt(1);
var _2n = BigInt(2);
var _7n = BigInt(7);
var _256n = BigInt(256);
var _0x71n = BigInt(113);
var SHA3_PI = [];
var SHA3_ROTL = [];
var _SHA3_IOTA = [];
for (let round = 0, R = _1n, x = 1, y = 0; round < 24; round++) {
  [x, y] = [y, (2 * x + 3 * y) % 5];
  SHA3_PI.push(2 * (5 * y + x));
  SHA3_ROTL.push((round + 1) * (round + 2) / 2 % 64);
  let t = _0n;
  for (let j = 0; j < 7; j++) {
    R = (R << _1n ^ (R >> _7n) * _0x71n) % _256n;
    if (R & _2n)
      t ^= _1n << (_1n << BigInt(j)) - _1n;
  }
  _SHA3_IOTA.push(t);
}
var IOTAS = split(_SHA3_IOTA, true);
var SHA3_IOTA_H = IOTAS[0];
var SHA3_IOTA_L = IOTAS[1];
var rotlSH = (h, l, s) => h << s | l >>> 32 - s;
var rotlSL = (h, l, s) => l << s | h >>> 32 - s;
var rotlBH = (h, l, s) => l << s - 32 | h >>> 64 - s;
var rotlBL = (h, l, s) => h << s - 32 | l >>> 64 - s;
var rotlH = (h, l, s) => s > 32 ? rotlBH(h, l, s) : rotlSH(h, l, s);
var rotlL = (h, l, s) => s > 32 ? rotlBL(h, l, s) : rotlSL(h, l, s);
var B = new Uint32Array(5 * 2);
function keccakP(s, rounds = 24) {
  if (!(s instanceof Uint32Array))
    throw new TypeError('"s" expected Uint32Array(50), got type=' + typeof s);
  if (s.length !== 50)
    throw new RangeError('"s" expected Uint32Array(50), got length=' + s.length);
  anumber(rounds, "rounds");
  if (rounds < 1 || rounds > 24)
    throw new Error('"rounds" expected integer 1..24');
  for (let round = 24 - rounds; round < 24; round++) {
    for (let x = 0; x < 10; x++)
      B[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
    for (let x = 0; x < 10; x += 2) {
      const idx1 = (x + 8) % 10;
      const idx0 = (x + 2) % 10;
      const B0 = B[idx0];
      const B1 = B[idx0 + 1];
      const Th = rotlH(B0, B1, 1) ^ B[idx1];
      const Tl = rotlL(B0, B1, 1) ^ B[idx1 + 1];
      for (let y = 0; y < 50; y += 10) {
        s[x + y] ^= Th;
        s[x + y + 1] ^= Tl;
      }
    }
    let curH = s[2];
    let curL = s[3];
    for (let t = 0; t < 24; t++) {
      const shift = SHA3_ROTL[t];
      const Th = rotlH(curH, curL, shift);
      const Tl = rotlL(curH, curL, shift);
      const PI = SHA3_PI[t];
      curH = s[PI];
      curL = s[PI + 1];
      s[PI] = Th;
      s[PI + 1] = Tl;
    }
    for (let y = 0; y < 50; y += 10) {
      const b0 = s[y], b1 = s[y + 1], b2 = s[y + 2], b3 = s[y + 3];
      s[y] ^= ~s[y + 2] & s[y + 4];
      s[y + 1] ^= ~s[y + 3] & s[y + 5];
      s[y + 2] ^= ~s[y + 4] & s[y + 6];
      s[y + 3] ^= ~s[y + 5] & s[y + 7];
      s[y + 4] ^= ~s[y + 6] & s[y + 8];
      s[y + 5] ^= ~s[y + 7] & s[y + 9];
      s[y + 6] ^= ~s[y + 8] & b0;
      s[y + 7] ^= ~s[y + 9] & b1;
      s[y + 8] ^= ~b0 & b2;
      s[y + 9] ^= ~b1 & b3;
    }
    s[0] ^= SHA3_IOTA_H[round];
    s[1] ^= SHA3_IOTA_L[round];
  }
  clean(B);
}
var Keccak = class _Keccak {
  state;
  pos = 0;
  posOut = 0;
  finished = false;
  state32;
  destroyed = false;
  blockLen;
  suffix;
  outputLen;
  canXOF;
  enableXOF = false;
  rounds;
  // NOTE: we accept arguments in bytes instead of bits here.
  constructor(blockLen, suffix, outputLen, enableXOF = false, rounds = 24) {
    anumber(blockLen, "blockLen");
    anumber(suffix, "suffix");
    anumber(rounds, "rounds");
    abool(enableXOF, "enableXOF");
    this.blockLen = blockLen;
    this.suffix = suffix;
    this.outputLen = outputLen;
    this.enableXOF = enableXOF;
    this.canXOF = enableXOF;
    this.rounds = rounds;
    anumber(outputLen, "outputLen");
    if (!(0 < blockLen && blockLen < 200))
      throw new Error('"blockLen" must be 1..199');
    this.state = new Uint8Array(200);
    this.state32 = u32(this.state);
  }
  clone() {
    return this._cloneInto();
  }
  keccak() {
    swap32IfBE(this.state32);
    keccakP(this.state32, this.rounds);
    swap32IfBE(this.state32);
    this.posOut = 0;
    this.pos = 0;
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { blockLen, state, state32 } = this;
    const len = data.length;
    const canUseU32 = blockLen % 4 === 0 && data.byteOffset % 4 === 0;
    const blockLen32 = blockLen / 4;
    const data32 = canUseU32 && len >= blockLen ? u32(data) : void 0;
    for (let pos = 0; pos < len; ) {
      if (data32 !== void 0 && this.pos === 0 && pos % 4 === 0 && len - pos >= blockLen) {
        for (let i = 0, o = pos / 4; i < blockLen32; i++)
          state32[i] ^= data32[o + i];
        pos += blockLen;
        this.pos = blockLen;
        this.keccak();
        continue;
      }
      const take = Math.min(blockLen - this.pos, len - pos);
      for (let i = 0; i < take; i++)
        state[this.pos++] ^= data[pos++];
      if (this.pos === blockLen)
        this.keccak();
    }
    return this;
  }
  finish() {
    if (this.finished)
      return;
    this.finished = true;
    const { state, suffix, pos, blockLen } = this;
    state[pos] ^= suffix;
    if ((suffix & 128) !== 0 && pos === blockLen - 1)
      this.keccak();
    state[blockLen - 1] ^= 128;
    this.keccak();
  }
  writeInto(out) {
    aexists(this, false);
    abytes(out);
    this.finish();
    const bufferOut = this.state;
    const { blockLen } = this;
    for (let pos = 0, len = out.length; pos < len; ) {
      if (this.posOut >= blockLen)
        this.keccak();
      const take = Math.min(blockLen - this.posOut, len - pos);
      out.set(bufferOut.subarray(this.posOut, this.posOut + take), pos);
      this.posOut += take;
      pos += take;
    }
    return out;
  }
  xofInto(out) {
    if (!this.enableXOF)
      throw new Error("XOF is not enabled");
    return this.writeInto(out);
  }
  xof(bytes) {
    anumber(bytes);
    return this.xofInto(new Uint8Array(bytes));
  }
  digestInto(out) {
    aoutput(out, this);
    if (this.finished)
      throw new Error("digest() was already called");
    this.writeInto(out.length === this.outputLen ? out : out.subarray(0, this.outputLen));
    this.destroy();
  }
  digest() {
    const out = new Uint8Array(this.outputLen);
    this.digestInto(out);
    return out;
  }
  destroy() {
    this.destroyed = true;
    clean(this.state);
  }
  _cloneInto(to) {
    const { blockLen, suffix, outputLen, rounds, enableXOF } = this;
    to ||= new _Keccak(blockLen, suffix, outputLen, enableXOF, rounds);
    to.blockLen = blockLen;
    to.state32.set(this.state32);
    to.pos = this.pos;
    to.posOut = this.posOut;
    to.finished = this.finished;
    to.rounds = rounds;
    to.suffix = suffix;
    to.outputLen = outputLen;
    to.enableXOF = enableXOF;
    to.canXOF = this.canXOF;
    to.destroyed = this.destroyed;
    return to;
  }
};
var genKeccak = (suffix, blockLen, outputLen, info = {}) => createHasher(() => new Keccak(blockLen, suffix, outputLen), info);
var keccak_256 = /* @__PURE__ */ genKeccak(1, 136, 32);

// src/verify/errors.ts
var Invalid = class extends Error {
  name = "Invalid";
};
var Skipped = class extends Error {
  name = "Skipped";
};
function must(holds, why) {
  if (!holds) throw new Invalid(why);
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/verify/bytes.ts
var BYTES32 = /^0x[0-9a-f]{64}$/;
var toHex = (bytes) => `0x${bytesToHex(bytes)}`;
function fromHex(hex) {
  must(/^0x([0-9a-fA-F]{2})*$/.test(hex), "hexadecimal bytes are malformed");
  return hexToBytes(hex.slice(2));
}
var keccak = (...parts) => keccak_256(concatBytes(...parts));
var keccakHex = (bytes) => toHex(keccak_256(bytes));
function utf8(text2) {
  must(!new RegExp("\\p{Cs}", "u").test(text2), "a text has a lone surrogate");
  return new TextEncoder().encode(text2);
}
var decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function fromUTF8(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Invalid("a text is not UTF-8");
  }
}
function fromBase64(text2) {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text2) || text2.length % 4 !== 0) return void 0;
  const binary = atob(text2);
  return btoa(binary) === text2 ? Uint8Array.from(binary, (c) => c.charCodeAt(0)) : void 0;
}
function fromBase64URL(text2) {
  if (!/^[A-Za-z0-9_-]*$/.test(text2) || text2.length % 4 === 1) return void 0;
  return fromBase64(text2.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - text2.length % 4) % 4));
}
function toBase64URL(bytes) {
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// src/verify/abi.ts
var WORD_BYTES = 32;
var ADDRESS = /^0x[0-9a-fA-F]{40}$/;
var INTEGER = /^(0|-?[1-9][0-9]*)$/;
function word(type, value) {
  if (type === "bytes32") {
    must(typeof value === "string" && BYTES32.test(value), "a bytes32 is malformed");
    return fromHex(value);
  }
  if (type === "address") {
    must(typeof value === "string", "an address is malformed");
    return fromHex(
      `0x${address(value).slice(2).padStart(2 * WORD_BYTES, "0")}`
    );
  }
  return integer(type, value);
}
function integer(type, value) {
  const [, sign, size] = /^(u?)int([0-9]+)$/.exec(type) ?? [];
  if (size === void 0) throw new TypeError(`no type of ours: ${type}`);
  must(INTEGER.test(String(value)), `a ${type} is malformed`);
  const n = BigInt(value);
  const bits = sign === "u" ? BigInt(size) : BigInt(size) - 1n;
  must(n < 1n << bits && n >= (sign === "u" ? 0n : -(1n << bits)), `a ${type} is out of range`);
  const twosComplement = BigInt.asUintN(8 * WORD_BYTES, n);
  return fromHex(`0x${twosComplement.toString(16).padStart(2 * WORD_BYTES, "0")}`);
}
function encode(types, values) {
  if (types.length !== values.length) throw new TypeError(`${values.length} values for ${types.length} types`);
  const heads = [];
  const tails = [];
  let offset = WORD_BYTES * types.length;
  types.forEach((type, i) => {
    const value = values[i];
    if (!type.endsWith("[]")) {
      heads.push(word(type, value));
      return;
    }
    if (!Array.isArray(value)) throw new TypeError(`no list for ${type}`);
    heads.push(word("uint256", offset));
    const list = value;
    const tail = concatBytes(word("uint256", list.length), ...list.map((item) => word(type.slice(0, -2), item)));
    tails.push(tail);
    offset += tail.length;
  });
  return concatBytes(...heads, ...tails);
}
function encodeCall(signature, values = []) {
  const types = signature.slice(signature.indexOf("(") + 1, -1);
  const selector = keccak(utf8(signature)).subarray(0, 4);
  return toHex(concatBytes(selector, encode(types === "" ? [] : types.split(","), values)));
}
var topicOf = (signature) => keccakHex(utf8(signature));
function address(text2) {
  must(ADDRESS.test(text2), "an address is malformed");
  const lower = text2.slice(2).toLowerCase();
  const hash = keccakHex(utf8(lower)).slice(2);
  const sum = `0x${Array.from(lower, (c, i) => Number.parseInt(hash.charAt(i), 16) >= 8 ? c.toUpperCase() : c).join("")}`;
  const body = text2.slice(2);
  must(body === lower || body === body.toUpperCase() || text2 === sum, "an address has a wrong checksum");
  return sum;
}

// src/verify/amount.ts
var DECIMAL = /^(0|[1-9][0-9]{0,76})(\.[0-9]{1,77})?$/;
function scaled(decimal) {
  must(DECIMAL.test(decimal), "a decimal is malformed");
  const [whole = "", fraction = ""] = decimal.split(".");
  return { units: BigInt(whole + fraction), digits: BigInt(fraction.length) };
}
function weiFor(total, rate) {
  const t = scaled(total);
  const r = scaled(rate);
  must(r.units > 0n, "the rate is zero");
  const numerator = t.units * 10n ** 18n * 10n ** r.digits;
  const denominator = r.units * 10n ** t.digits;
  return (numerator + denominator - 1n) / denominator;
}
function sameDecimal(a, b) {
  if (typeof a !== "string" || !DECIMAL.test(a)) return false;
  const [x, y] = [scaled(a), scaled(b)];
  return x.units * 10n ** y.digits === y.units * 10n ** x.digits;
}

// src/verify/context.ts
var STEPS = [
  "shape",
  "request",
  "sale_hash",
  "promise",
  "amount",
  "leaf",
  "proof",
  "position",
  "log",
  "chain_id",
  "contract",
  "log_root",
  "contains",
  "verify",
  "transaction",
  "block",
  "finality"
];

// src/verify/json.ts
var DEPTH_MAX = 16;
function parseJSON(text2, { anyNames = false } = {}) {
  let value;
  try {
    value = JSON.parse(text2);
  } catch {
    throw new Invalid("not JSON");
  }
  inspect(text2, anyNames);
  return value;
}
function inspect(text2, anyNames) {
  const open = [];
  for (let i = 0; i < text2.length; i++) {
    const c = text2[i];
    if (c === "{" || c === "[") {
      open.push(/* @__PURE__ */ new Set());
      must(open.length <= DEPTH_MAX, `nested more than ${DEPTH_MAX} deep`);
    } else if (c === "}" || c === "]") {
      open.pop();
    } else if (c === '"') {
      const end = endOfString(text2, i);
      const said = JSON.parse(text2.slice(i, end));
      must(!new RegExp("\\p{Cs}", "u").test(said), "a text has a lone surrogate");
      if (isName(text2, end)) {
        must(anyNames || said !== "__proto__", "a member is called __proto__");
        const names = open.at(-1);
        must(names !== void 0 && !names.has(said), "a member is repeated");
        names.add(said);
      }
      i = end - 1;
    }
  }
}
function endOfString(text2, start) {
  let i = start + 1;
  while (text2[i] !== '"') i += text2[i] === "\\" ? 2 : 1;
  return i + 1;
}
function isName(text2, end) {
  let i = end;
  while (/^[ \t\r\n]$/.test(text2.charAt(i))) i++;
  return text2[i] === ":";
}

// src/verify/sale.ts
var SALE_FIELDS = [
  ["saleId", "string"],
  ["kind", "string"],
  ["refundOf", "string"],
  ["storeId", "string"],
  ["terminalId", "string"],
  ["recordNumber", "uint64"],
  ["previousHash", "bytes32"],
  ["customerId", "string"],
  ["currency", "string"],
  ["total", "string"],
  ["pointsDelta", "int64"],
  ["pointsBalance", "int64"],
  ["purchaseNumber", "uint64"],
  ["recordedAt", "uint64"],
  ["requestHash", "bytes32"],
  ["salt", "bytes32"]
];
var TYPE = `Sale(${SALE_FIELDS.map(([name, type]) => `${type} ${name}`).join(",")})`;
var SALE_TYPE_HASH = keccak(utf8(TYPE));
function hashSale(sale) {
  return toHex(keccak(SALE_TYPE_HASH, ...SALE_FIELDS.map(([name, type]) => member(name, type, sale[name]))));
}
function member(name, type, value) {
  if (type !== "string") return word(type, value);
  must(typeof value === "string", `sale.${name} is malformed`);
  return keccak(utf8(value));
}

// src/verify/proof.ts
var COUNT = /^(0|[1-9][0-9]{0,77})$/;
var INTEGER2 = /^(0|-?[1-9][0-9]{0,77})$/;
var FORMS = { string: /^/, int64: INTEGER2, uint64: COUNT, bytes32: BYTES32 };
var LIST_MAX = 64;
function parseProof(text2) {
  try {
    return parseJSON(text2);
  } catch (error) {
    throw new Invalid(`the proof cannot be read (${error instanceof Invalid ? error.message : "its JSON is malformed"})`);
  }
}
function shape(p) {
  must(isObject(p), "not a JSON object");
  const rate = p.rate === null ? null : part(p, "rate");
  const sale = part(p, "sale");
  must(Object.keys(sale).length === SALE_FIELDS.length, "sale has other fields than the hashed ones");
  for (const [name, type] of SALE_FIELDS) text(sale[name], FORMS[type], `sale.${name}`);
  text(sale.kind, /^(sale|refund|adjustment|key|erasure)$/, "sale.kind");
  text(sale.total, DECIMAL, "sale.total");
  text(p.request, /^[A-Za-z0-9+/]+={0,2}$/, "request");
  text(p.sale_hash, BYTES32, "sale_hash");
  text(p.amount_wei, COUNT, "amount_wei");
  if (rate !== null) text(rate.value, DECIMAL, "rate.value");
  text(p.leaf, BYTES32, "leaf");
  hashes(p.proof, "proof");
  const batch = part(p, "batch");
  text(batch.id, COUNT, "batch.id");
  text(batch.root, BYTES32, "batch.root");
  text(batch.size, COUNT, "batch.size");
  text(batch.leaf_index, COUNT, "batch.leaf_index");
  const log = part(p, "log");
  text(log.size, COUNT, "log.size");
  text(log.root, BYTES32, "log.root");
  hashes(log.path, "log.path");
  text(p.promise, /^([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)?$/, "promise");
  place(part(p, "chain"));
}
function place(chain) {
  text(chain.chain_id, COUNT, "chain.chain_id");
  text(chain.contract, /^0x[0-9a-fA-F]{40}$/, "chain.contract");
  text(chain.tx_hash, BYTES32, "chain.tx_hash");
  text(chain.block_number, COUNT, "chain.block_number");
  text(chain.block_hash, BYTES32, "chain.block_hash");
  text(chain.deployed_block, COUNT, "chain.deployed_block");
  must(BigInt(chain.deployed_block) <= BigInt(chain.block_number), "chain.deployed_block is above chain.block_number");
  text(chain.finality, /^(mined|final)$/, "chain.finality");
}
function part(p, name) {
  const value = p[name];
  must(isObject(value), `${name} is missing`);
  return value;
}
function text(value, form, name) {
  must(typeof value === "string" && form.test(value), `${name} is malformed`);
}
function hashes(list, name) {
  must(Array.isArray(list) && list.length <= LIST_MAX, `${name} is not a list of at most ${LIST_MAX}`);
  list.forEach((hash, i) => {
    text(hash, BYTES32, `${name}[${i}]`);
  });
}

// src/verify/given.ts
function readText(text2) {
  const jws = text2.trim();
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(jws)) return { promise: jws, of: {} };
  const value = parseProof(text2);
  if (!isObject(value) || typeof value.promise !== "string" || typeof value.sale_id !== "string" || "sale" in value)
    return { proof: value };
  const of = {};
  const hash = isObject(value.anchor) ? value.anchor.sale_hash : void 0;
  for (const [name, said] of Object.entries({ sale_id: value.sale_id, record_number: value.record_number, sale_hash: hash })) {
    if (typeof said === "string" || typeof said === "number") of[name] = said;
  }
  return { promise: value.promise, of };
}
function parseContract(text2) {
  const parts = /^(?:eip155:([1-9][0-9]{0,77}):)?(0x[0-9a-fA-F]{40})$/.exec(text2);
  if (parts?.[2] === void 0) throw new Invalid("a contract is eip155:, the chain's id, : and its address, or the address alone");
  return { ...parts[1] !== void 0 && { chainId: parts[1] }, address: address(parts[2]) };
}

// src/verify/log.ts
var ENTRY = Uint8Array.of(0);
var NODE = Uint8Array.of(1);
function entry({ id, root, size }) {
  return toHex(keccak(ENTRY, encode(["uint64", "bytes32", "uint32"], [id, root, size])));
}
var node = (left, right) => toHex(keccak(NODE, fromHex(left), fromHex(right)));
function treeHead(entries, from = 0, to = entries.length) {
  const n = to - from;
  if (n === 0) return `0x${"00".repeat(32)}`;
  if (n === 1) return entries[from];
  const k = split2(n);
  return node(treeHead(entries, from, from + k), treeHead(entries, from + k, to));
}
function inclusionPath(m, entries, from = 0, to = entries.length) {
  const n = to - from;
  if (!(m >= 0 && m < n)) throw new RangeError(`a log of ${n} has no entry ${m}`);
  if (n === 1) return [];
  const k = split2(n);
  return m < k ? [...inclusionPath(m, entries, from, from + k), treeHead(entries, from + k, to)] : [...inclusionPath(m - k, entries, from + k, to), treeHead(entries, from, from + k)];
}
function leadsTo(batch, { size, root, path }) {
  const leafIndex = BigInt(batch.id) - 1n;
  const treeSize = BigInt(size);
  if (leafIndex < 0n || leafIndex >= treeSize) return false;
  let fn = leafIndex;
  let sn = treeSize - 1n;
  let r = entry(batch);
  for (const p of path) {
    if (sn === 0n) return false;
    if (odd(fn) || fn === sn) {
      r = node(p, r);
      while (!odd(fn) && fn !== 0n) [fn, sn] = [fn >> 1n, sn >> 1n];
    } else {
      r = node(r, p);
    }
    [fn, sn] = [fn >> 1n, sn >> 1n];
  }
  return sn === 0n && r === root;
}
var odd = (n) => (n & 1n) === 1n;
function split2(n) {
  let k = 1;
  while (2 * k < n) k *= 2;
  return k;
}

// node_modules/@noble/hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = false;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = false;
  length = 0;
  pos = 0;
  destroyed = false;
  constructor(blockLen, outputLen, padOffset, isLE2) {
    this.blockLen = blockLen;
    this.outputLen = outputLen;
    this.padOffset = padOffset;
    this.isLE = isLE2;
    this.buffer = new Uint8Array(blockLen);
    this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { view, buffer, blockLen } = this;
    const len = data.length;
    let processed = false;
    for (let pos = 0; pos < len; ) {
      const take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        const dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = true;
        continue;
      }
      buffer.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos);
      this.pos += take;
      pos += take;
      if (this.pos === blockLen) {
        this.process(view, 0);
        this.pos = 0;
        processed = true;
      }
    }
    this.length += data.length;
    if (processed)
      this.roundClean();
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const { buffer, view, blockLen, isLE: isLE2 } = this;
    let { pos } = this;
    buffer[pos++] = 128;
    buffer.fill(0, pos);
    if (this.padOffset > blockLen - pos) {
      this.process(view, 0);
      buffer.fill(0);
    }
    setU64FromNum(view, blockLen - 8, this.length * 8, isLE2);
    this.process(view, 0);
    this.roundClean();
    const oview = out === buffer ? view : createView(out);
    const len = this.outputLen;
    const outLen = len / 4;
    const state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE2);
  }
  digest() {
    const { buffer, outputLen } = this;
    this.digestInto(buffer);
    const res = buffer.slice(0, outputLen);
    this.destroy();
    return res;
  }
  _cloneIntoMeta(to) {
    const { buffer, length, finished, destroyed, pos } = this;
    to.destroyed = destroyed;
    to.finished = finished;
    to.length = length;
    to.pos = pos;
    if (pos)
      to.buffer.set(buffer);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
};
var SHA256_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  3144134277,
  1013904242,
  2773480762,
  1359893119,
  2600822924,
  528734635,
  1541459225
]);
var SHA512_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  4089235720,
  3144134277,
  2227873595,
  1013904242,
  4271175723,
  2773480762,
  1595750129,
  1359893119,
  2917565137,
  2600822924,
  725511199,
  528734635,
  4215389547,
  1541459225,
  327033209
]);

// node_modules/@noble/hashes/sha2.js
var SHA256_K = /* @__PURE__ */ Uint32Array.from([
  1116352408,
  1899447441,
  3049323471,
  3921009573,
  961987163,
  1508970993,
  2453635748,
  2870763221,
  3624381080,
  310598401,
  607225278,
  1426881987,
  1925078388,
  2162078206,
  2614888103,
  3248222580,
  3835390401,
  4022224774,
  264347078,
  604807628,
  770255983,
  1249150122,
  1555081692,
  1996064986,
  2554220882,
  2821834349,
  2952996808,
  3210313671,
  3336571891,
  3584528711,
  113926993,
  338241895,
  666307205,
  773529912,
  1294757372,
  1396182291,
  1695183700,
  1986661051,
  2177026350,
  2456956037,
  2730485921,
  2820302411,
  3259730800,
  3345764771,
  3516065817,
  3600352804,
  4094571909,
  275423344,
  430227734,
  506948616,
  659060556,
  883997877,
  958139571,
  1322822218,
  1537002063,
  1747873779,
  1955562222,
  2024104815,
  2227730452,
  2361852424,
  2428436474,
  2756734187,
  3204031479,
  3329325298
]);
var SHA256_W = /* @__PURE__ */ new Uint32Array(64);
var SHA2_32B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and makes sha256 3x slower (measured).
  A = 0;
  B = 0;
  C = 0;
  D = 0;
  E = 0;
  F = 0;
  G = 0;
  H = 0;
  constructor(outputLen, IV) {
    super(64, outputLen, 8, false);
    this.A = IV[0] | 0;
    this.B = IV[1] | 0;
    this.C = IV[2] | 0;
    this.D = IV[3] | 0;
    this.E = IV[4] | 0;
    this.F = IV[5] | 0;
    this.G = IV[6] | 0;
    this.H = IV[7] | 0;
  }
  get() {
    const { A, B: B2, C, D, E, F, G, H } = this;
    return [A, B2, C, D, E, F, G, H];
  }
  // prettier-ignore
  set(A, B2, C, D, E, F, G, H) {
    this.A = A | 0;
    this.B = B2 | 0;
    this.C = C | 0;
    this.D = D | 0;
    this.E = E | 0;
    this.F = F | 0;
    this.G = G | 0;
    this.H = H | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA256_W[i] = view.getUint32(offset, false);
    for (let i = 16; i < 64; i++) {
      const W15 = SHA256_W[i - 15];
      const W2 = SHA256_W[i - 2];
      const s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3;
      const s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
      SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
    }
    let { A, B: B2, C, D, E, F, G, H } = this;
    for (let i = 0; i < 64; i++) {
      const sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25);
      const T1 = H + sigma1 + Chi(E, F, G) + SHA256_K[i] + SHA256_W[i] | 0;
      const sigma0 = rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22);
      const T2 = sigma0 + Maj(A, B2, C) | 0;
      H = G;
      G = F;
      F = E;
      E = D + T1 | 0;
      D = C;
      C = B2;
      B2 = A;
      A = T1 + T2 | 0;
    }
    A = A + this.A | 0;
    B2 = B2 + this.B | 0;
    C = C + this.C | 0;
    D = D + this.D | 0;
    E = E + this.E | 0;
    F = F + this.F | 0;
    G = G + this.G | 0;
    H = H + this.H | 0;
    this.set(A, B2, C, D, E, F, G, H);
  }
  roundClean() {
    clean(SHA256_W);
  }
  destroy() {
    this.destroyed = true;
    this.set(0, 0, 0, 0, 0, 0, 0, 0);
    clean(this.buffer);
  }
};
var _SHA256 = class extends SHA2_32B {
  constructor() {
    super(32, SHA256_IV);
  }
};
var K512 = /* @__PURE__ */ (() => split([
  "0x428a2f98d728ae22",
  "0x7137449123ef65cd",
  "0xb5c0fbcfec4d3b2f",
  "0xe9b5dba58189dbbc",
  "0x3956c25bf348b538",
  "0x59f111f1b605d019",
  "0x923f82a4af194f9b",
  "0xab1c5ed5da6d8118",
  "0xd807aa98a3030242",
  "0x12835b0145706fbe",
  "0x243185be4ee4b28c",
  "0x550c7dc3d5ffb4e2",
  "0x72be5d74f27b896f",
  "0x80deb1fe3b1696b1",
  "0x9bdc06a725c71235",
  "0xc19bf174cf692694",
  "0xe49b69c19ef14ad2",
  "0xefbe4786384f25e3",
  "0x0fc19dc68b8cd5b5",
  "0x240ca1cc77ac9c65",
  "0x2de92c6f592b0275",
  "0x4a7484aa6ea6e483",
  "0x5cb0a9dcbd41fbd4",
  "0x76f988da831153b5",
  "0x983e5152ee66dfab",
  "0xa831c66d2db43210",
  "0xb00327c898fb213f",
  "0xbf597fc7beef0ee4",
  "0xc6e00bf33da88fc2",
  "0xd5a79147930aa725",
  "0x06ca6351e003826f",
  "0x142929670a0e6e70",
  "0x27b70a8546d22ffc",
  "0x2e1b21385c26c926",
  "0x4d2c6dfc5ac42aed",
  "0x53380d139d95b3df",
  "0x650a73548baf63de",
  "0x766a0abb3c77b2a8",
  "0x81c2c92e47edaee6",
  "0x92722c851482353b",
  "0xa2bfe8a14cf10364",
  "0xa81a664bbc423001",
  "0xc24b8b70d0f89791",
  "0xc76c51a30654be30",
  "0xd192e819d6ef5218",
  "0xd69906245565a910",
  "0xf40e35855771202a",
  "0x106aa07032bbd1b8",
  "0x19a4c116b8d2d0c8",
  "0x1e376c085141ab53",
  "0x2748774cdf8eeb99",
  "0x34b0bcb5e19b48a8",
  "0x391c0cb3c5c95a63",
  "0x4ed8aa4ae3418acb",
  "0x5b9cca4f7763e373",
  "0x682e6ff3d6b2b8a3",
  "0x748f82ee5defb2fc",
  "0x78a5636f43172f60",
  "0x84c87814a1f0ab72",
  "0x8cc702081a6439ec",
  "0x90befffa23631e28",
  "0xa4506cebde82bde9",
  "0xbef9a3f7b2c67915",
  "0xc67178f2e372532b",
  "0xca273eceea26619c",
  "0xd186b8c721c0c207",
  "0xeada7dd6cde0eb1e",
  "0xf57d4f7fee6ed178",
  "0x06f067aa72176fba",
  "0x0a637dc5a2c898a6",
  "0x113f9804bef90dae",
  "0x1b710b35131c471b",
  "0x28db77f523047d84",
  "0x32caab7b40c72493",
  "0x3c9ebe0a15c9bebc",
  "0x431d67c49c100d4c",
  "0x4cc5d4becb3e42b6",
  "0x597f299cfc657e2a",
  "0x5fcb6fab3ad6faec",
  "0x6c44198c4a475817"
].map((n) => BigInt(n))))();
var SHA512_Kh = /* @__PURE__ */ (() => K512[0])();
var SHA512_Kl = /* @__PURE__ */ (() => K512[1])();
var SHA512_W_H = /* @__PURE__ */ new Uint32Array(80);
var SHA512_W_L = /* @__PURE__ */ new Uint32Array(80);
var SHA2_64B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // h -- high 32 bits, l -- low 32 bits
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and slows hashing down (measured on sha256).
  Ah = 0;
  Al = 0;
  Bh = 0;
  Bl = 0;
  Ch = 0;
  Cl = 0;
  Dh = 0;
  Dl = 0;
  Eh = 0;
  El = 0;
  Fh = 0;
  Fl = 0;
  Gh = 0;
  Gl = 0;
  Hh = 0;
  Hl = 0;
  constructor(outputLen, IV) {
    super(128, outputLen, 16, false);
    this.Ah = IV[0] | 0;
    this.Al = IV[1] | 0;
    this.Bh = IV[2] | 0;
    this.Bl = IV[3] | 0;
    this.Ch = IV[4] | 0;
    this.Cl = IV[5] | 0;
    this.Dh = IV[6] | 0;
    this.Dl = IV[7] | 0;
    this.Eh = IV[8] | 0;
    this.El = IV[9] | 0;
    this.Fh = IV[10] | 0;
    this.Fl = IV[11] | 0;
    this.Gh = IV[12] | 0;
    this.Gl = IV[13] | 0;
    this.Hh = IV[14] | 0;
    this.Hl = IV[15] | 0;
  }
  // prettier-ignore
  get() {
    const { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    return [Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl];
  }
  // prettier-ignore
  set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl) {
    this.Ah = Ah | 0;
    this.Al = Al | 0;
    this.Bh = Bh | 0;
    this.Bl = Bl | 0;
    this.Ch = Ch | 0;
    this.Cl = Cl | 0;
    this.Dh = Dh | 0;
    this.Dl = Dl | 0;
    this.Eh = Eh | 0;
    this.El = El | 0;
    this.Fh = Fh | 0;
    this.Fl = Fl | 0;
    this.Gh = Gh | 0;
    this.Gl = Gl | 0;
    this.Hh = Hh | 0;
    this.Hl = Hl | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4) {
      SHA512_W_H[i] = view.getUint32(offset);
      SHA512_W_L[i] = view.getUint32(offset += 4);
    }
    for (let i = 16; i < 80; i++) {
      const W15h = SHA512_W_H[i - 15] | 0;
      const W15l = SHA512_W_L[i - 15] | 0;
      const s0h = rotrSH(W15h, W15l, 1) ^ rotrSH(W15h, W15l, 8) ^ shrSH(W15h, W15l, 7);
      const s0l = rotrSL(W15h, W15l, 1) ^ rotrSL(W15h, W15l, 8) ^ shrSL(W15h, W15l, 7);
      const W2h = SHA512_W_H[i - 2] | 0;
      const W2l = SHA512_W_L[i - 2] | 0;
      const s1h = rotrSH(W2h, W2l, 19) ^ rotrBH(W2h, W2l, 61) ^ shrSH(W2h, W2l, 6);
      const s1l = rotrSL(W2h, W2l, 19) ^ rotrBL(W2h, W2l, 61) ^ shrSL(W2h, W2l, 6);
      const SUMl = add4L(s0l, s1l, SHA512_W_L[i - 7], SHA512_W_L[i - 16]);
      const SUMh = add4H(SUMl, s0h, s1h, SHA512_W_H[i - 7], SHA512_W_H[i - 16]);
      SHA512_W_H[i] = SUMh | 0;
      SHA512_W_L[i] = SUMl | 0;
    }
    let { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    for (let i = 0; i < 80; i++) {
      const sigma1h = rotrSH(Eh, El, 14) ^ rotrSH(Eh, El, 18) ^ rotrBH(Eh, El, 41);
      const sigma1l = rotrSL(Eh, El, 14) ^ rotrSL(Eh, El, 18) ^ rotrBL(Eh, El, 41);
      const CHIh = Eh & Fh ^ ~Eh & Gh;
      const CHIl = El & Fl ^ ~El & Gl;
      const T1ll = add5L(Hl, sigma1l, CHIl, SHA512_Kl[i], SHA512_W_L[i]);
      const T1h = add5H(T1ll, Hh, sigma1h, CHIh, SHA512_Kh[i], SHA512_W_H[i]);
      const T1l = T1ll | 0;
      const sigma0h = rotrSH(Ah, Al, 28) ^ rotrBH(Ah, Al, 34) ^ rotrBH(Ah, Al, 39);
      const sigma0l = rotrSL(Ah, Al, 28) ^ rotrBL(Ah, Al, 34) ^ rotrBL(Ah, Al, 39);
      const MAJh = Ah & Bh ^ Ah & Ch ^ Bh & Ch;
      const MAJl = Al & Bl ^ Al & Cl ^ Bl & Cl;
      Hh = Gh | 0;
      Hl = Gl | 0;
      Gh = Fh | 0;
      Gl = Fl | 0;
      Fh = Eh | 0;
      Fl = El | 0;
      ({ h: Eh, l: El } = add(Dh | 0, Dl | 0, T1h | 0, T1l | 0));
      Dh = Ch | 0;
      Dl = Cl | 0;
      Ch = Bh | 0;
      Cl = Bl | 0;
      Bh = Ah | 0;
      Bl = Al | 0;
      const All = add3L(T1l, sigma0l, MAJl);
      Ah = add3H(All, T1h, sigma0h, MAJh);
      Al = All | 0;
    }
    ({ h: Ah, l: Al } = add(this.Ah | 0, this.Al | 0, Ah | 0, Al | 0));
    ({ h: Bh, l: Bl } = add(this.Bh | 0, this.Bl | 0, Bh | 0, Bl | 0));
    ({ h: Ch, l: Cl } = add(this.Ch | 0, this.Cl | 0, Ch | 0, Cl | 0));
    ({ h: Dh, l: Dl } = add(this.Dh | 0, this.Dl | 0, Dh | 0, Dl | 0));
    ({ h: Eh, l: El } = add(this.Eh | 0, this.El | 0, Eh | 0, El | 0));
    ({ h: Fh, l: Fl } = add(this.Fh | 0, this.Fl | 0, Fh | 0, Fl | 0));
    ({ h: Gh, l: Gl } = add(this.Gh | 0, this.Gl | 0, Gh | 0, Gl | 0));
    ({ h: Hh, l: Hl } = add(this.Hh | 0, this.Hl | 0, Hh | 0, Hl | 0));
    this.set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl);
  }
  roundClean() {
    clean(SHA512_W_H, SHA512_W_L);
  }
  destroy() {
    this.destroyed = true;
    clean(this.buffer);
    this.set(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }
};
var _SHA512 = class extends SHA2_64B {
  constructor() {
    super(64, SHA512_IV);
  }
};
var sha256 = /* @__PURE__ */ createHasher(
  () => new _SHA256(),
  /* @__PURE__ */ oidNist(1)
);
var sha512 = /* @__PURE__ */ createHasher(
  () => new _SHA512(),
  /* @__PURE__ */ oidNist(3)
);

// node_modules/@noble/curves/utils.js
/*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) */
function aarray(item, title, inner = () => {
}) {
  if (!Array.isArray(item))
    throw new TypeError(`"${title}" expected array, got type=${typeof item}`);
  for (let i = 0; i < item.length; i++)
    inner(item[i], `${title}[${i}]`);
  return item;
}
var abytes2 = (value, length, title) => abytes(value, length, title);
var anumber2 = anumber;
function aobject2(value, title = "object") {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError(title === "object" ? "expected valid options object" : `"${title}" expected object, got type=${typeof value}`);
  return value;
}
function afunction(value, title) {
  if (typeof value !== "function")
    throw new TypeError(`"${title}" is invalid: expected function, got ${typeof value}`);
  return value;
}
var bytesToHex2 = bytesToHex;
var concatBytes2 = (...arrays) => concatBytes(...arrays);
var hexToBytes2 = (hex) => hexToBytes(hex);
var isBytes2 = isBytes;
var randomBytes2 = (bytesLength) => randomBytes(bytesLength);
var _0n2 = /* @__PURE__ */ BigInt(0);
var _1n2 = /* @__PURE__ */ BigInt(1);
var atitle2 = (title) => title ? `"${title}" ` : "";
function abool2(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle2(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abignumber(n) {
  if (typeof n === "bigint") {
    if (!isPosBig(n))
      throw new RangeError("positive bigint expected, got " + n);
  } else
    anumber2(n);
  return n;
}
function asafenumber(value, title = "") {
  if (typeof value !== "number") {
    const prefix = title && `"${title}" `;
    throw new TypeError(prefix + "expected number, got type=" + typeof value);
  }
  if (!Number.isSafeInteger(value)) {
    const prefix = title && `"${title}" `;
    throw new RangeError(prefix + "expected safe integer, got " + value);
  }
}
function hexToNumber(hex) {
  if (typeof hex !== "string")
    throw new TypeError("hex string expected, got " + typeof hex);
  return hex === "" ? _0n2 : BigInt("0x" + hex);
}
function bytesToNumberBE(bytes) {
  return hexToNumber(bytesToHex(bytes));
}
function bytesToNumberLE(bytes) {
  return hexToNumber(bytesToHex(copyBytes(abytes(bytes)).reverse()));
}
function numberToBytesBE(n, len) {
  anumber(len);
  if (len === 0)
    throw new Error("zero output length is invalid");
  n = abignumber(n);
  const expectedLen = len * 2;
  const hex = n.toString(16);
  if (hex.length > expectedLen)
    throw new RangeError("number is too large");
  return hexToBytes(hex.padStart(expectedLen, "0"));
}
function numberToBytesLE(n, len) {
  return numberToBytesBE(n, len).reverse();
}
function copyBytes(bytes) {
  return Uint8Array.from(abytes2(bytes));
}
function isPosBig(n) {
  return typeof n === "bigint" && _0n2 <= n;
}
function inRange(n, min, max) {
  return isPosBig(n) && isPosBig(min) && isPosBig(max) && min <= n && n < max;
}
function aInRange(title, n, min, max) {
  if (!inRange(n, min, max))
    throw new RangeError("expected valid " + title + ": " + min + " <= n < " + max + ", got " + n);
}
function bitLen(n) {
  if (n < _0n2)
    throw new Error("expected non-negative bigint, got " + n);
  return n === _0n2 ? 0 : n.toString(2).length;
}
var bitMask = (n) => {
  asafenumber(n, "n");
  return (_1n2 << BigInt(n)) - _1n2;
};
function validateObject(object2, fields = {}, optFields = {}, title = "object") {
  aobject2(object2, title);
  aobject2(fields, "fields");
  aobject2(optFields, "optFields");
  function checkField(fieldName, expectedType, isOpt) {
    const label = title === "object" ? `param "${String(fieldName)}"` : `"${title}.${String(fieldName)}"`;
    const val = object2[fieldName];
    if (!Object.hasOwn(object2, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function")) {
      throw new TypeError(`${label} is invalid: expected own property`);
    }
    if (isOpt && val === void 0)
      return;
    const current = typeof val;
    if (current !== expectedType || val === null)
      throw new TypeError(`${label} is invalid: expected ${expectedType}, got ${current}`);
  }
  const iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
  iter(fields, false);
  iter(optFields, true);
}

// node_modules/@noble/curves/abstract/modular.js
/*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) */
var _0n3 = /* @__PURE__ */ BigInt(0);
var _1n3 = /* @__PURE__ */ BigInt(1);
var _2n2 = /* @__PURE__ */ BigInt(2);
var _3n = /* @__PURE__ */ BigInt(3);
var _4n = /* @__PURE__ */ BigInt(4);
var _5n = /* @__PURE__ */ BigInt(5);
var _7n2 = /* @__PURE__ */ BigInt(7);
var _8n = /* @__PURE__ */ BigInt(8);
var _9n = /* @__PURE__ */ BigInt(9);
var _15n = /* @__PURE__ */ BigInt(15);
var _16n = /* @__PURE__ */ BigInt(16);
var POW_WINDOWED_MIN = /* @__PURE__ */ BigInt("0x10000000000000000");
function mod(a, b) {
  if (b <= _0n3)
    throw new Error("mod: expected positive modulus, got " + b);
  const result = a % b;
  return result >= _0n3 ? result : b + result;
}
function pow(num, power, modulo) {
  if (modulo <= _1n3)
    throw new Error("pow: expected modulus > 1, got " + modulo);
  if (typeof power !== "bigint")
    throw new TypeError("invalid exponent: expected bigint, got " + typeof power);
  if (power < _0n3)
    throw new Error("invalid exponent, negatives unsupported");
  if (power === _0n3)
    return _1n3;
  if (power === _1n3)
    return num;
  let d = num % modulo;
  if (d < _0n3)
    d += modulo;
  if (power < POW_WINDOWED_MIN) {
    let p2 = _1n3;
    while (power > _0n3) {
      if (power & _1n3)
        p2 = p2 * d % modulo;
      d = d * d % modulo;
      power >>= _1n3;
    }
    return p2;
  }
  const digits = [];
  while (power > _0n3) {
    digits.push(Number(power & _15n));
    power >>= _4n;
  }
  const table = new Array(16);
  table[0] = _1n3;
  table[1] = d;
  for (let i = 2; i < 16; i++)
    table[i] = table[i - 1] * d % modulo;
  let p = table[digits[digits.length - 1]];
  for (let w = digits.length - 2; w >= 0; w--) {
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    const digit = digits[w];
    if (digit !== 0)
      p = p * table[digit] % modulo;
  }
  return p;
}
function pow2(x, power, modulo) {
  if (modulo <= _1n3)
    throw new Error("pow2: expected modulus > 1, got " + modulo);
  if (power < _0n3)
    throw new Error("pow2: expected non-negative exponent, got " + power);
  let res = x;
  while (power-- > _0n3) {
    res *= res;
    res %= modulo;
  }
  return res;
}
function invert(number, modulo) {
  if (number === _0n3)
    throw new Error("invert: expected non-zero number");
  if (modulo <= _1n3)
    throw new Error("invert: expected modulus > 1, got " + modulo);
  let a = mod(number, modulo);
  let b = modulo;
  let x = _0n3, u = _1n3;
  while (a !== _0n3) {
    const q = b / a;
    const r = b - a * q;
    const m = x - u * q;
    b = a, a = r, x = u, u = m;
  }
  const gcd = b;
  if (gcd !== _1n3)
    throw new Error("invert: does not exist");
  return mod(x, modulo);
}
function assertIsSquare(Fp2, root, n) {
  const F = Fp2;
  if (!F.eql(F.sqr(root), n))
    throw new Error("Cannot find square root");
}
function aoddModulus(order, fnName) {
  if ((order & _1n3) === _0n3)
    throw new Error(fnName + ": expected odd modulus, got " + order);
}
function sqrt3mod4(Fp2, n) {
  const F = Fp2;
  const p1div4 = (F.ORDER + _1n3) / _4n;
  const root = F.pow(n, p1div4);
  assertIsSquare(F, root, n);
  return root;
}
function sqrt5mod8(Fp2, n) {
  const F = Fp2;
  const p5div8 = (F.ORDER - _5n) / _8n;
  const n2 = F.mul(n, _2n2);
  const v = F.pow(n2, p5div8);
  const nv = F.mul(n, v);
  const i = F.mul(F.mul(nv, _2n2), v);
  const root = F.mul(nv, F.sub(i, F.ONE));
  assertIsSquare(F, root, n);
  return root;
}
function sqrt9mod16(P) {
  const Fp_ = Field(P);
  const tn = tonelliShanks(P);
  const c1 = tn(Fp_, Fp_.neg(Fp_.ONE));
  const c2 = tn(Fp_, c1);
  const c3 = tn(Fp_, Fp_.neg(c1));
  const c4 = (P + _7n2) / _16n;
  return ((Fp2, n) => {
    const F = Fp2;
    let tv1 = F.pow(n, c4);
    let tv2 = F.mul(tv1, c1);
    const tv3 = F.mul(tv1, c2);
    const tv4 = F.mul(tv1, c3);
    const e1 = F.eql(F.sqr(tv2), n);
    const e2 = F.eql(F.sqr(tv3), n);
    tv1 = F.cmov(tv1, tv2, e1);
    tv2 = F.cmov(tv4, tv3, e2);
    const e3 = F.eql(F.sqr(tv2), n);
    const root = F.cmov(tv1, tv2, e3);
    assertIsSquare(F, root, n);
    return root;
  });
}
function tonelliShanks(P) {
  if (P < _3n)
    throw new Error("sqrt is not defined for small field");
  aoddModulus(P, "tonelliShanks");
  let Q = P - _1n3;
  let S = 0;
  while (Q % _2n2 === _0n3) {
    Q /= _2n2;
    S++;
  }
  let Z = _2n2;
  const _Fp = Field(P);
  while (FpLegendre(_Fp, Z) === 1) {
    if (Z++ > 1e3)
      throw new Error("Cannot find square root: probably non-prime P");
  }
  if (S === 1)
    return sqrt3mod4;
  let cc = _Fp.pow(Z, Q);
  const Q1div2 = (Q + _1n3) / _2n2;
  return function tonelliSlow(Fp2, n) {
    const F = Fp2;
    if (F.is0(n))
      return n;
    if (FpLegendre(F, n) !== 1)
      throw new Error("Cannot find square root");
    let M = S;
    let c = F.mul(F.ONE, cc);
    let t = F.pow(n, Q);
    let R = F.pow(n, Q1div2);
    while (!F.eql(t, F.ONE)) {
      if (F.is0(t))
        throw new Error("Cannot find square root: probably non-prime P");
      let i = 1;
      let t_tmp = F.sqr(t);
      while (!F.eql(t_tmp, F.ONE)) {
        i++;
        t_tmp = F.sqr(t_tmp);
        if (i === M)
          throw new Error("Cannot find square root");
      }
      const exponent = _1n3 << BigInt(M - i - 1);
      const b = F.pow(c, exponent);
      M = i;
      c = F.sqr(b);
      t = F.mul(t, c);
      R = F.mul(R, b);
    }
    return R;
  };
}
function FpSqrt(P) {
  aoddModulus(P, "Fp.sqrt");
  if (P % _4n === _3n)
    return sqrt3mod4;
  if (P % _8n === _5n)
    return sqrt5mod8;
  if (P % _16n === _9n)
    return sqrt9mod16(P);
  return tonelliShanks(P);
}
var isNegativeLE = (num, modulo) => (mod(num, modulo) & _1n3) === _1n3;
var FIELD_FIELDS = [
  "create",
  "isValid",
  "is0",
  "neg",
  "inv",
  "sqrt",
  "sqr",
  "eql",
  "add",
  "sub",
  "mul",
  "pow",
  "div",
  "addN",
  "subN",
  "mulN",
  "sqrN"
];
function validateField(field) {
  aobject2(field, "field");
  if (typeof field.ORDER !== "bigint")
    throw new TypeError('param "ORDER" is invalid: expected bigint, got ' + typeof field.ORDER);
  asafenumber(field.BYTES, "BYTES");
  asafenumber(field.BITS, "BITS");
  for (const name of FIELD_FIELDS)
    afunction(field[name], "field." + name);
  if (field.BYTES < 1 || field.BITS < 1)
    throw new Error("invalid field: expected BYTES/BITS > 0");
  if (field.ORDER <= _1n3)
    throw new Error("invalid field: expected ORDER > 1, got " + field.ORDER);
  return field;
}
function FpInvertBatch(Fp2, nums, passZero = false) {
  validateField(Fp2);
  aarray(nums, "nums");
  abool2(passZero, "passZero");
  const F = Fp2;
  const inverted = new Array(nums.length).fill(passZero ? F.ZERO : void 0);
  const multipliedAcc = nums.reduce((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = acc;
    return F.mul(acc, num);
  }, F.ONE);
  const invertedAcc = F.inv(multipliedAcc);
  nums.reduceRight((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = F.mul(acc, inverted[i]);
    return F.mul(acc, num);
  }, invertedAcc);
  return inverted;
}
function FpLegendre(Fp2, n) {
  validateField(Fp2);
  const F = Fp2;
  aoddModulus(F.ORDER, "FpLegendre");
  const p1mod2 = (F.ORDER - _1n3) / _2n2;
  const powered = F.pow(n, p1mod2);
  const yes = F.eql(powered, F.ONE);
  const zero = F.eql(powered, F.ZERO);
  const no = F.eql(powered, F.neg(F.ONE));
  if (!yes && !zero && !no)
    throw new Error("invalid Legendre symbol result");
  return yes ? 1 : zero ? 0 : -1;
}
function nLength(n, nBitLength) {
  if (nBitLength !== void 0)
    anumber2(nBitLength);
  if (n <= _0n3)
    throw new Error("invalid n length: expected positive n, got " + n);
  if (nBitLength !== void 0 && nBitLength < 1)
    throw new Error("invalid n length: expected positive bit length, got " + nBitLength);
  const bits = bitLen(n);
  if (nBitLength !== void 0 && nBitLength < bits)
    throw new Error(`invalid n length: expected nBitLength (${nBitLength}) >= bitLen(n) (${bits})`);
  const _nBitLength = nBitLength !== void 0 ? nBitLength : bits;
  const nByteLength = Math.ceil(_nBitLength / 8);
  return { nBitLength: _nBitLength, nByteLength };
}
var FIELD_SQRT = /* @__PURE__ */ new WeakMap();
var _Field = class {
  ORDER;
  BITS;
  BYTES;
  isLE;
  ZERO = _0n3;
  ONE = _1n3;
  _lengths;
  _mod;
  constructor(ORDER, opts = {}) {
    if (ORDER <= _1n3)
      throw new Error("invalid field: expected ORDER > 1, got " + ORDER);
    let _nbitLength = void 0;
    this.isLE = false;
    if (opts != null && typeof opts === "object") {
      if (typeof opts.BITS === "number")
        _nbitLength = opts.BITS;
      if (typeof opts.sqrt === "function")
        Object.defineProperty(this, "sqrt", { value: opts.sqrt, enumerable: true });
      if (typeof opts.isLE === "boolean")
        this.isLE = opts.isLE;
      if (opts.allowedLengths)
        this._lengths = Object.freeze(opts.allowedLengths.slice());
      if (typeof opts.modFromBytes === "boolean")
        this._mod = opts.modFromBytes;
    }
    const { nBitLength, nByteLength } = nLength(ORDER, _nbitLength);
    if (nByteLength > 2048)
      throw new Error("invalid field: expected ORDER of <= 2048 bytes");
    this.ORDER = ORDER;
    this.BITS = nBitLength;
    this.BYTES = nByteLength;
    Object.freeze(this);
  }
  create(num) {
    return mod(num, this.ORDER);
  }
  isValid(num) {
    if (typeof num !== "bigint")
      throw new TypeError("invalid field element: expected bigint, got " + typeof num);
    return _0n3 <= num && num < this.ORDER;
  }
  is0(num) {
    return num === _0n3;
  }
  // is valid and invertible
  isValidNot0(num) {
    return !this.is0(num) && this.isValid(num);
  }
  isOdd(num) {
    return (num & _1n3) === _1n3;
  }
  neg(num) {
    return mod(-num, this.ORDER);
  }
  eql(lhs, rhs) {
    return lhs === rhs;
  }
  sqr(num) {
    return mod(num * num, this.ORDER);
  }
  add(lhs, rhs) {
    return mod(lhs + rhs, this.ORDER);
  }
  sub(lhs, rhs) {
    return mod(lhs - rhs, this.ORDER);
  }
  mul(lhs, rhs) {
    return mod(lhs * rhs, this.ORDER);
  }
  pow(num, power) {
    return pow(num, power, this.ORDER);
  }
  div(lhs, rhs) {
    return mod(lhs * invert(rhs, this.ORDER), this.ORDER);
  }
  // Same as above, but doesn't normalize
  sqrN(num) {
    return num * num;
  }
  addN(lhs, rhs) {
    return lhs + rhs;
  }
  subN(lhs, rhs) {
    return lhs - rhs;
  }
  mulN(lhs, rhs) {
    return lhs * rhs;
  }
  inv(num) {
    return invert(num, this.ORDER);
  }
  sqrt(num) {
    let sqrt = FIELD_SQRT.get(this);
    if (!sqrt)
      FIELD_SQRT.set(this, sqrt = FpSqrt(this.ORDER));
    return sqrt(this, num);
  }
  toBytes(num) {
    return this.isLE ? numberToBytesLE(num, this.BYTES) : numberToBytesBE(num, this.BYTES);
  }
  fromBytes(bytes, skipValidation = false) {
    abytes2(bytes);
    const { _lengths: allowedLengths, BYTES, isLE: isLE2, ORDER, _mod: modFromBytes } = this;
    if (allowedLengths) {
      if (bytes.length < 1 || !allowedLengths.includes(bytes.length) || bytes.length > BYTES) {
        throw new Error("Field.fromBytes: expected " + allowedLengths + " bytes, got " + bytes.length);
      }
      const padded = new Uint8Array(BYTES);
      padded.set(bytes, isLE2 ? 0 : padded.length - bytes.length);
      bytes = padded;
    }
    if (bytes.length !== BYTES)
      throw new Error("Field.fromBytes: expected " + BYTES + " bytes, got " + bytes.length);
    let scalar = isLE2 ? bytesToNumberLE(bytes) : bytesToNumberBE(bytes);
    if (modFromBytes)
      scalar = mod(scalar, ORDER);
    if (!skipValidation) {
      if (!this.isValid(scalar))
        throw new Error("invalid field element: outside of range 0..ORDER");
    }
    return scalar;
  }
  // TODO: we don't need it here, move out to separate fn
  invertBatch(lst) {
    return FpInvertBatch(this, lst, true);
  }
  // We can't move this out because Fp6, Fp12 implement it
  // and it's unclear what to return in there.
  cmov(a, b, condition) {
    abool2(condition, "condition");
    return condition ? b : a;
  }
};
function Field(ORDER, opts = {}) {
  Object.freeze(_Field.prototype);
  return new _Field(ORDER, opts);
}

// node_modules/@noble/curves/abstract/curve.js
/*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) */
var _0n4 = /* @__PURE__ */ BigInt(0);
var _1n4 = /* @__PURE__ */ BigInt(1);
var _4n2 = /* @__PURE__ */ BigInt(4);
var BLIND_BYTES = 16;
var BLIND_BITS = 128;
var FW_WINDOW = 5;
var TABLE_BYTES_MAX = /* @__PURE__ */ (() => 2 ** 31)();
function validatePointCons(Point) {
  const pc = Point;
  if (typeof pc !== "function")
    throw new TypeError('"Point" expected constructor, got type=' + typeof Point);
  afunction(pc.fromAffine, "Point.fromAffine");
  afunction(pc.fromBytes, "Point.fromBytes");
  afunction(pc.fromHex, "Point.fromHex");
  aobject2(pc.BASE, "Point.BASE");
  aobject2(pc.ZERO, "Point.ZERO");
  validateField(pc.Fp);
  validateField(pc.Fn);
}
function normalizeZ(c, points) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  const invertedZs = FpInvertBatch(c.Fp, points.map((p) => p.Z));
  return points.map((p, i) => c.fromAffine(p.toAffine(invertedZs[i])));
}
function validateW(W, bits, min = 1) {
  if (!Number.isSafeInteger(W) || W < min || W > bits)
    throw new Error("invalid window size, expected [" + min + ".." + bits + "], got W=" + W);
}
function validateTableBytes(numPoints, fpBytes) {
  const bytes = numPoints * (4 * fpBytes + 128);
  if (bytes > TABLE_BYTES_MAX)
    throw new Error("invalid window size: table would need ~" + Math.ceil(bytes / 2 ** 20) + " MiB, max " + TABLE_BYTES_MAX / 2 ** 20 + " MiB");
}
function probeRandomBytes(randomBytes3, length) {
  if (randomBytes3 === void 0)
    return void 0;
  afunction(randomBytes3, "randomBytes");
  try {
    const probe = randomBytes3(length);
    if (!isBytes2(probe) || probe.length !== length)
      return void 0;
  } catch {
    return void 0;
  }
  return randomBytes3;
}
function validateMSMPoints(points, c) {
  aarray(points, "points");
  points.forEach((p, i) => {
    if (!(p instanceof c))
      throw new Error("invalid point at index " + i);
  });
}
function validateMSMScalars(scalars, field, maxScalar) {
  if (!Array.isArray(scalars))
    throw new Error("array of scalars expected");
  scalars.forEach((s, i) => {
    const ok = maxScalar === void 0 ? field.isValid(s) : isPosBig(s) && s < maxScalar;
    if (!ok)
      throw new Error("invalid scalar at index " + i);
  });
}
var pointWindowSizes = /* @__PURE__ */ new WeakMap();
function getWindowSize(P) {
  return pointWindowSizes.get(P) || 1;
}
function oddMultiples(p, size) {
  const dbl = p.double();
  const t = [p];
  for (let j = 1; j < size; j++)
    t.push(t[j - 1].add(dbl));
  return t;
}
function wnafDigits(n, W) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const d = [];
  while (n > _0n4) {
    let w = 0;
    if (n & _1n4) {
      w = Number(n & mask);
      if (w >= half)
        w -= size;
      n -= BigInt(w);
    }
    d.push(w);
    n >>= _1n4;
  }
  return d;
}
function signedWindowDigits(n, W, windows) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const shiftBy = BigInt(W);
  const d = [];
  for (let w = 0; w < windows; w++) {
    let v = Number(n & mask);
    n >>= shiftBy;
    if (v > half) {
      v -= size;
      n += _1n4;
    }
    d.push(v);
  }
  if (n !== _0n4)
    throw new Error("invalid wnaf");
  return d;
}
function wnafWalk(zero, tables, digits) {
  let max = 0;
  for (const d of digits)
    max = Math.max(max, d.length);
  let acc = zero;
  for (let bit = max - 1; bit >= 0; bit--) {
    if (bit !== max - 1)
      acc = acc.double();
    for (let i = 0; i < digits.length; i++) {
      const w = digits[i][bit];
      if (w) {
        const item = tables[i][Math.abs(w) - 1 >> 1];
        acc = acc.add(w < 0 ? item.negate() : item);
      }
    }
  }
  return acc;
}
var ScalarMultiplier = class {
  Point;
  BASE;
  ZERO;
  randomBytes;
  wnafPrecomputes = /* @__PURE__ */ new WeakMap();
  baseCanBeBlinded;
  bits;
  // Parametrized with a given Point class (not individual point)
  constructor(Point, randomBytes3) {
    validatePointCons(Point);
    this.randomBytes = probeRandomBytes(randomBytes3, BLIND_BYTES);
    this.Point = Point;
    this.BASE = Point.BASE;
    this.ZERO = Point.ZERO;
    this.bits = Point.Fn.BITS;
  }
  /**
   * Creates a signed fixed-window wNAF precomputation table: for every window w, the
   * multiples `[1..2^(W−1)]⋅2^(w⋅W)⋅P`, flattened. All doublings are baked into the table,
   * so cached multiplication is additions-only. `windows = ceil(bits/W) + 1`: the extra
   * window absorbs the final carry of signed-digit recoding.
   * For a 256-bit curve and W=6, the table is 44⋅32 = 1408 points.
   * @param point - Point instance
   * @param W - window size
   * @param bits - scalar bitlength the table must cover
   */
  buildWnafTable(point, W, bits) {
    const windows = Math.ceil(bits / W) + 1;
    const half = 2 ** (W - 1);
    const comp = [];
    let base = point;
    for (let w = 0; w < windows; w++) {
      let acc = base;
      for (let i = 0; i < half; i++) {
        comp.push(acc);
        acc = acc.add(base);
      }
      base = comp[comp.length - 1].double();
    }
    return { W, bits, windows, comp };
  }
  /**
   * Implements ec multiplication using precomputed signed fixed-window wNAF tables.
   * Constant-time: fixed window count with one table addition per window — zero digits feed
   * the fake accumulator — and no doublings; the lookup scans the whole window slice.
   * Scalar bounds are validated by the public entry points ({@link ScalarMultiplier.mulCT},
   * {@link ScalarMultiplier.mulCTBlinded}, {@link ScalarMultiplier.mulUnsafe});
   * signedWindowDigits throws if `n` exceeds the table.
   * @returns real and fake (for const-time) points
   */
  wnafCachedCT(precomputes, n) {
    const { W, windows, comp } = precomputes;
    const half = 2 ** (W - 1);
    const digits = signedWindowDigits(n, W, windows);
    let p = this.ZERO;
    let f = this.BASE;
    for (let w = 0; w < windows; w++) {
      const digit = digits[w];
      const start = w * half;
      const idx = Math.abs(digit) - 1;
      let sel = comp[start];
      for (let i = 1; i < half; i++)
        sel = i === idx ? comp[start + i] : sel;
      const neg = sel.negate();
      if (digit === 0)
        f = f.add(comp[start]);
      else
        p = p.add(digit < 0 ? neg : sel);
    }
    return { p, f };
  }
  // Cache key is point identity plus (W, bits); at most two entries exist per point (public-width
  // `Fn.BITS` and blinded `Fn.BITS + BLIND_BITS`). Callers must not reuse the same point with
  // incompatible `transform(...)` layouts and expect a separate cache entry.
  getWnafPrecomputes(W, point, bits, transform) {
    let entries = this.wnafPrecomputes.get(point);
    let comp = entries?.find((entry2) => entry2.W === W && entry2.bits === bits);
    if (!comp) {
      comp = this.buildWnafTable(point, W, bits);
      if (typeof transform === "function")
        comp = { ...comp, comp: transform(comp.comp) };
      if (!entries) {
        entries = [];
        this.wnafPrecomputes.set(point, entries);
      }
      entries.push(comp);
    }
    return comp;
  }
  assertPoint(point) {
    if (!(point instanceof this.Point))
      throw new TypeError('"point" expected Point instance, got type=' + typeof point);
  }
  // Shared prologue of the constant-time entry points. Rejects scalar 0: in key/signature-style
  // callers a zero scalar means broken upstream plumbing, and concrete Points already reject it.
  // Uses inRange instead of Fn.isValidNot0: validateField() only certifies the arithmetic subset.
  validateMulInput(point, scalar) {
    this.assertPoint(point);
    if (!inRange(scalar, _1n4, this.Point.Fn.ORDER))
      throw new Error("invalid scalar");
  }
  // Constant-time dispatch shared by mulCT / mulCTBlinded. Un-precomputed points (W===1, e.g.
  // ECDH peer keys) skip building a throwaway cached table in favor of a small fixed-window
  // multiply. `n` must be < 2^bits.
  runCT(point, n, bits, transform) {
    const W = getWindowSize(point);
    if (W === 1)
      return this.fixedWindowCT(point, n, bits);
    return this.wnafCachedCT(this.getWnafPrecomputes(W, point, bits, transform), n);
  }
  mulCT(point, scalar, transform) {
    this.validateMulInput(point, scalar);
    return this.runCT(point, scalar, this.bits, transform);
  }
  mulCTBlinded(point, scalar, transform) {
    this.validateMulInput(point, scalar);
    if (this.randomBytes === void 0)
      throw new Error("randomBytes is required for scalar blinding");
    const bits = this.Point.Fn.BITS + BLIND_BITS;
    const blind = this.randomBytes(BLIND_BYTES);
    if (!isBytes2(blind) || blind.length !== BLIND_BYTES)
      throw new Error("randomBytes returned invalid byte array");
    blind[0] = blind[0] & 63 | 128;
    const n = scalar + bytesToNumberBE(blind) * this.Point.Fn.ORDER;
    return this.runCT(point, n, bits, transform);
  }
  /**
   * Constant-time multiplication `n*point` for an un-precomputed point, via a small fixed window.
   * A cached wNAF table only pays off when reused; a flat 2^FW_WINDOW table (`size-1` adds) is
   * far cheaper to build for a single use. The point-operation sequence is independent of `n`:
   * build the table, then per window exactly FW_WINDOW doublings, a data-oblivious scan over
   * every table entry, and one addition (adds the identity when the window digit is 0 — never
   * skipped).
   *
   * `n` must be `< 2^bits`. Assumes complete addition (adding the identity costs the same as any
   * add), which holds for the Weierstrass/Edwards point types used here. The table is left in
   * projective form (no normalizeZ): normalizing this small a table costs more than the
   * mixed-add savings it would buy for a single multiply.
   * @returns real point `p`; `f` duplicates it only to match {@link wnafCachedCT}'s return shape
   * (this path needs no fake accumulator — its op-count is already scalar-independent).
   */
  fixedWindowCT(point, n, bits) {
    const W = FW_WINDOW;
    const size = 1 << W;
    const mask = bitMask(W);
    const table = new Array(size);
    table[0] = this.ZERO;
    for (let i = 1; i < size; i++)
      table[i] = table[i - 1].add(point);
    const windows = Math.ceil(bits / W);
    let acc = this.ZERO;
    for (let window = windows - 1; window >= 0; window--) {
      if (window !== windows - 1)
        for (let d = 0; d < W; d++)
          acc = acc.double();
      const digit = Number(n >> BigInt(window * W) & mask);
      let sel = table[0];
      for (let i = 1; i < size; i++)
        sel = i === digit ? table[i] : sel;
      acc = acc.add(sel);
    }
    return { p: acc, f: acc };
  }
  shouldBlind(point, cofactor) {
    if (this.randomBytes === void 0)
      return false;
    if (cofactor === _1n4)
      return true;
    if (point !== this.BASE)
      return false;
    if (this.baseCanBeBlinded === void 0)
      this.baseCanBeBlinded = this.mulUnsafe(this.BASE, this.Point.Fn.ORDER).is0();
    return this.baseCanBeBlinded;
  }
  mulSecret(point, scalar, cofactor, transform) {
    return this.shouldBlind(point, cofactor) ? this.mulCTBlinded(point, scalar, transform) : this.mulCT(point, scalar, transform);
  }
  mulUnsafe(point, scalar, transform) {
    this.assertPoint(point);
    if (!isPosBig(scalar))
      throw new Error("invalid scalar");
    const W = getWindowSize(point);
    if (W === 1 || scalar >= this.Point.Fn.ORDER)
      return mulAddUnsafe(this.Point, [point], [scalar], true);
    const precomputes = this.getWnafPrecomputes(W, point, this.bits, transform);
    return this.wnafCachedCT(precomputes, scalar).p;
  }
  // Remembers the window size used for precomputed wNAF multiplication of the given point
  // and drops any previously built tables. Usually only the base point is precomputed.
  // W=1 resets the point to the un-precomputed (table-less) paths.
  // W is additionally capped so tables stay under ~2 GiB ({@link TABLE_BYTES_MAX}).
  setWindowSize(point, W) {
    this.assertPoint(point);
    validateW(W, this.bits);
    const windows = Math.ceil((this.bits + BLIND_BITS) / W) + 1;
    validateTableBytes(windows * 2 ** (W - 1), this.Point.Fp.BYTES);
    pointWindowSizes.set(point, W);
    this.wnafPrecomputes.delete(point);
  }
  // True when a window size is set: tables themselves are built lazily on first multiply.
  hasWindowSize(point) {
    return getWindowSize(point) !== 1;
  }
};
function mulAddUnsafe(c, points, scalars, allowOversized = false) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  abool2(allowOversized, "allowOversized");
  validateMSMScalars(scalars, c.Fn, allowOversized ? c.Fn.ORDER ** _4n2 : void 0);
  if (points.length !== scalars.length)
    throw new Error("arrays of points and scalars must have equal length");
  const tables = points.map((p) => oddMultiples(p, 4));
  const digits = scalars.map((n) => wnafDigits(n, 4));
  return wnafWalk(c.ZERO, tables, digits);
}
function createField(order, field, isLE2) {
  if (field) {
    if (field.ORDER !== order)
      throw new Error("Field.ORDER must match order: Fp == p, Fn == n");
    validateField(field);
    return field;
  } else {
    return Field(order, { isLE: isLE2 });
  }
}
function createCurveFields(type, CURVE, curveOpts = {}, FpFnLE) {
  if (type !== "weierstrass" && type !== "edwards")
    throw new Error('expected curve type "weierstrass" or "edwards"');
  if (FpFnLE === void 0)
    FpFnLE = type === "edwards";
  if (!CURVE || typeof CURVE !== "object")
    throw new Error(`expected valid ${type} CURVE object`);
  validateObject(curveOpts);
  for (const p of ["p", "n", "h"]) {
    const val = CURVE[p];
    if (!(isPosBig(val) && val !== _0n4))
      throw new Error(`CURVE.${p} must be positive bigint`);
  }
  const Fp2 = createField(CURVE.p, curveOpts.Fp, FpFnLE);
  const Fn = createField(CURVE.n, curveOpts.Fn, FpFnLE);
  const _b = type === "weierstrass" ? "b" : "d";
  const params = ["Gx", "Gy", "a", _b];
  for (const p of params) {
    if (!Fp2.isValid(CURVE[p]))
      throw new Error(`CURVE.${p} must be valid field element of CURVE.Fp`);
  }
  CURVE = Object.freeze(Object.assign({}, CURVE));
  return { CURVE, Fp: Fp2, Fn };
}
function createKeygen(randomSecretKey, getPublicKey) {
  return function keygen(seed) {
    const secretKey = randomSecretKey(seed);
    return { secretKey, publicKey: getPublicKey(secretKey) };
  };
}

// node_modules/@noble/curves/abstract/edwards.js
/*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) */
var _0n5 = /* @__PURE__ */ BigInt(0);
var _1n5 = /* @__PURE__ */ BigInt(1);
var _2n3 = /* @__PURE__ */ BigInt(2);
var _4n3 = /* @__PURE__ */ BigInt(4);
var _8n2 = /* @__PURE__ */ BigInt(8);
function isEdValidXY(Fp2, CURVE, x, y) {
  const x2 = Fp2.sqr(x);
  const y2 = Fp2.sqr(y);
  const left = Fp2.add(Fp2.mul(CURVE.a, x2), y2);
  const right = Fp2.add(Fp2.ONE, Fp2.mul(CURVE.d, Fp2.mul(x2, y2)));
  return Fp2.eql(left, right);
}
function edwards(params, extraOpts = {}) {
  validateObject(extraOpts, {}, {}, "extraOpts");
  const opts = extraOpts;
  const validated = createCurveFields("edwards", params, opts, opts.FpFnLE);
  const { Fp: Fp2, Fn } = validated;
  let CURVE = validated.CURVE;
  const { h: cofactor } = CURVE;
  if (FpLegendre(Fp2, CURVE.a) !== 1)
    throw new Error("edwards: CURVE.a must be a square in Fp for complete addition formulas");
  if (FpLegendre(Fp2, CURVE.d) !== -1)
    throw new Error("edwards: CURVE.d must be a non-square in Fp for complete addition formulas");
  validateObject(opts, {}, { uvRatio: "function", randomBytes: "function" });
  const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
  const MASK = _2n3 << BigInt(Fp2.BYTES * 8) - _1n5;
  function isOdd(n) {
    if (!Fp2.isOdd)
      throw new Error("Field does not have .isOdd()");
    return Fp2.isOdd(n);
  }
  const uvRatio2 = opts.uvRatio === void 0 ? (u, v) => {
    try {
      return { isValid: true, value: Fp2.sqrt(Fp2.div(u, v)) };
    } catch (e) {
      return { isValid: false, value: _0n5 };
    }
  } : opts.uvRatio;
  if (!isEdValidXY(Fp2, CURVE, CURVE.Gx, CURVE.Gy))
    throw new Error("bad curve params: generator point");
  const mulA = Fp2.eql(CURVE.a, Fp2.neg(Fp2.ONE)) ? (x) => Fp2.neg(x) : Fp2.eql(CURVE.a, Fp2.ONE) ? (x) => x : (x) => Fp2.mul(CURVE.a, x);
  function acoord(title, n, banZero = false) {
    const min = banZero ? _1n5 : _0n5;
    aInRange("coordinate " + title, n, min, MASK);
    return n;
  }
  function aedpoint(other) {
    if (!(other instanceof Point))
      throw new Error("EdwardsPoint expected");
  }
  class Point {
    static BASE = new Point(CURVE.Gx, CURVE.Gy, Fp2.ONE, Fp2.mul(CURVE.Gx, CURVE.Gy));
    static ZERO = new Point(Fp2.ZERO, Fp2.ONE, Fp2.ONE, Fp2.ZERO);
    static Fp = Fp2;
    static Fn = Fn;
    X;
    Y;
    Z;
    T;
    constructor(X, Y, Z, T) {
      this.X = acoord("x", X);
      this.Y = acoord("y", Y);
      this.Z = acoord("z", Z, true);
      this.T = acoord("t", T);
      Object.freeze(this);
    }
    static CURVE() {
      return CURVE;
    }
    /**
     * Create one extended Edwards point from affine coordinates.
     * Does NOT validate that the point is on-curve or torsion-free.
     * Use `.assertValidity()` on adversarial inputs.
     */
    static fromAffine(p) {
      if (p instanceof Point)
        throw new Error("extended point not allowed");
      const { x, y } = p || {};
      acoord("x", x);
      acoord("y", y);
      return new Point(x, y, Fp2.ONE, Fp2.mul(x, y));
    }
    // Uses algo from RFC8032 5.1.3.
    static fromBytes(bytes, zip215 = false) {
      const len = Fp2.BYTES;
      const { a, d } = CURVE;
      bytes = copyBytes(abytes2(bytes, len, "point"));
      abool2(zip215, "zip215");
      const normed = copyBytes(bytes);
      const lastByte = bytes[len - 1];
      normed[len - 1] = lastByte & ~128;
      const y = bytesToNumberLE(normed);
      const max = zip215 ? MASK : Fp2.ORDER;
      aInRange("point.y", y, _0n5, max);
      const y2 = Fp2.sqr(y);
      const u = Fp2.sub(y2, Fp2.ONE);
      const v = Fp2.sub(Fp2.mulN(d, y2), a);
      let { isValid, value: x } = uvRatio2(u, v);
      if (!isValid)
        throw new Error("bad point: invalid y coordinate");
      const isXOdd = isOdd(x);
      const isLastByteOdd = (lastByte & 128) !== 0;
      if (!zip215 && Fp2.is0(x) && isLastByteOdd)
        throw new Error("bad point: x=0 and x_0=1");
      if (isLastByteOdd !== isXOdd)
        x = Fp2.neg(x);
      return Point.fromAffine({ x, y });
    }
    static fromHex(hex, zip215 = false) {
      return Point.fromBytes(hexToBytes2(hex), zip215);
    }
    get x() {
      return this.toAffine().x;
    }
    get y() {
      return this.toAffine().y;
    }
    precompute(windowSize = 6, isLazy = true) {
      wnaf.setWindowSize(this, windowSize);
      if (!isLazy)
        this.multiply(_2n3);
      return this;
    }
    // Useful in fromAffine() - not for fromBytes(), which always created valid points.
    assertValidity() {
      const p = this;
      const { a, d } = CURVE;
      if (p.is0())
        throw new Error("bad point: ZERO");
      const { X, Y, Z, T } = p;
      const X2 = Fp2.sqr(X);
      const Y2 = Fp2.sqr(Y);
      const Z2 = Fp2.sqr(Z);
      const Z4 = Fp2.sqr(Z2);
      const aX2 = Fp2.mul(X2, a);
      const left = Fp2.mul(Fp2.add(aX2, Y2), Z2);
      const right = Fp2.add(Z4, Fp2.mul(d, Fp2.mul(X2, Y2)));
      if (!Fp2.eql(left, right))
        throw new Error("bad point: equation left != right (1)");
      const XY = Fp2.mul(X, Y);
      const ZT = Fp2.mul(Z, T);
      if (!Fp2.eql(XY, ZT))
        throw new Error("bad point: equation left != right (2)");
    }
    // Compare one point to another.
    equals(other) {
      aedpoint(other);
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const { X: X2, Y: Y2, Z: Z2 } = other;
      const X1Z2 = Fp2.mul(X1, Z2);
      const X2Z1 = Fp2.mul(X2, Z1);
      const Y1Z2 = Fp2.mul(Y1, Z2);
      const Y2Z1 = Fp2.mul(Y2, Z1);
      return Fp2.eql(X1Z2, X2Z1) && Fp2.eql(Y1Z2, Y2Z1);
    }
    is0() {
      return this.equals(Point.ZERO);
    }
    negate() {
      return new Point(Fp2.neg(this.X), this.Y, this.Z, Fp2.neg(this.T));
    }
    // Fast algo for doubling Extended Point.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#doubling-dbl-2008-hwcd
    // Cost: 4M + 4S + 1*a + 6add + 1*2.
    double() {
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const A = Fp2.sqr(X1);
      const B2 = Fp2.sqr(Y1);
      const C = Fp2.mul(Fp2.sqr(Z1), _2n3);
      const D = mulA(A);
      const x1y1 = Fp2.addN(X1, Y1);
      const E = Fp2.sub(Fp2.subN(Fp2.sqr(x1y1), A), B2);
      const G = Fp2.addN(D, B2);
      const F = Fp2.subN(G, C);
      const H = Fp2.subN(D, B2);
      const X3 = Fp2.mul(E, F);
      const Y3 = Fp2.mul(G, H);
      const T3 = Fp2.mul(E, H);
      const Z3 = Fp2.mul(F, G);
      return new Point(X3, Y3, Z3, T3);
    }
    // Fast algo for adding 2 Extended Points.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#addition-add-2008-hwcd
    // Cost: 9M + 1*a + 1*d + 7add.
    add(other) {
      aedpoint(other);
      const { d } = CURVE;
      const { X: X1, Y: Y1, Z: Z1, T: T1 } = this;
      const { X: X2, Y: Y2, Z: Z2, T: T2 } = other;
      const A = Fp2.mul(X1, X2);
      const B2 = Fp2.mul(Y1, Y2);
      const C = Fp2.mul(Fp2.mulN(T1, d), T2);
      const D = Fp2.mul(Z1, Z2);
      const E = Fp2.sub(Fp2.subN(Fp2.mulN(Fp2.addN(X1, Y1), Fp2.addN(X2, Y2)), A), B2);
      const F = Fp2.subN(D, C);
      const G = Fp2.addN(D, C);
      const H = Fp2.sub(B2, mulA(A));
      const X3 = Fp2.mul(E, F);
      const Y3 = Fp2.mul(G, H);
      const T3 = Fp2.mul(E, H);
      const Z3 = Fp2.mul(F, G);
      return new Point(X3, Y3, Z3, T3);
    }
    subtract(other) {
      aedpoint(other);
      return this.add(other.negate());
    }
    // Constant-time multiplication.
    multiply(scalar) {
      if (!Fn.isValidNot0(scalar))
        throw new RangeError("invalid scalar: expected 1 <= sc < curve.n");
      const { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
      return normalize([p, f])[0];
    }
    // Non-constant-time multiplication. Uses double-and-add algorithm.
    // It's faster, but should only be used when you don't care about
    // an exposed private key e.g. sig verification.
    // Keeps the same subgroup-scalar contract: 0 is allowed for public-scalar callers, but
    // n and larger values are rejected instead of being reduced mod n to the identity point.
    multiplyUnsafe(scalar) {
      if (!Fn.isValid(scalar))
        throw new RangeError("invalid scalar: expected 0 <= sc < curve.n");
      if (scalar === _0n5)
        return Point.ZERO;
      if (this.is0() || scalar === _1n5)
        return this;
      return wnaf.mulUnsafe(this, scalar, normalize);
    }
    // Checks if point is of small order.
    // If you add something to small order point, you will have "dirty"
    // point with torsion component.
    // Clears cofactor and checks if the result is 0.
    isSmallOrder() {
      return this.clearCofactor().is0();
    }
    // Multiplies point by curve order and checks if the result is 0.
    // Returns `false` is the point is dirty.
    isTorsionFree() {
      return wnaf.mulUnsafe(this, CURVE.n).is0();
    }
    // Converts Extended point to default (x, y) coordinates.
    // Can accept precomputed Z^-1 - for example, from invertBatch.
    toAffine(invertedZ) {
      const p = this;
      let iz = invertedZ;
      if (iz != null && typeof iz !== "bigint")
        throw new TypeError('"invertedZ" expected bigint, got type=' + typeof iz);
      const { X, Y, Z } = p;
      const is0 = p.is0();
      if (iz == null)
        iz = is0 ? Fp2.create(_8n2) : Fp2.inv(Z);
      const x = Fp2.mul(X, iz);
      const y = Fp2.mul(Y, iz);
      const zz = Fp2.mul(Z, iz);
      if (is0)
        return { x: Fp2.ZERO, y: Fp2.ONE };
      if (!Fp2.eql(zz, Fp2.ONE))
        throw new Error("invZ was invalid");
      return { x, y };
    }
    clearCofactor() {
      if (cofactor === _1n5)
        return this;
      if (cofactor === _2n3)
        return this.double();
      if (cofactor === _4n3)
        return this.double().double();
      if (cofactor === _8n2)
        return this.double().double().double();
      return this.multiplyUnsafe(cofactor);
    }
    toBytes() {
      const { x, y } = this.toAffine();
      const bytes = Fp2.toBytes(y);
      bytes[bytes.length - 1] |= isOdd(x) ? 128 : 0;
      return bytes;
    }
    toHex() {
      return bytesToHex2(this.toBytes());
    }
    toString() {
      return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
    }
  }
  const normalize = (points) => normalizeZ(Point, points);
  const wnaf = new ScalarMultiplier(Point, randomBytes3);
  if (wnaf.bits >= 6)
    Point.BASE.precompute(6);
  Object.freeze(Point.prototype);
  Object.freeze(Point);
  return Point;
}
function eddsa(Point, cHash, eddsaOpts = {}) {
  validatePointCons(Point);
  if (typeof cHash !== "function")
    throw new Error('"hash" function param is required');
  const hash = cHash;
  const opts = eddsaOpts;
  validateObject(opts, {}, {
    adjustScalarBytes: "function",
    randomBytes: "function",
    domain: "function",
    prehash: "function",
    zip215: "boolean",
    mapToCurve: "function",
    toMontgomery: "function",
    toMontgomerySecret: "function"
  });
  const { prehash } = opts;
  const { BASE, Fp: Fp2, Fn } = Point;
  const outputLen = hash.outputLen;
  const expectedLen = 2 * Fp2.BYTES;
  if (outputLen !== void 0) {
    asafenumber(outputLen, "hash.outputLen");
    if (outputLen !== expectedLen)
      throw new Error(`hash.outputLen must be ${expectedLen}, got ${outputLen}`);
  }
  const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
  const toMontgomery2 = opts.toMontgomery;
  const toMontgomerySecret2 = opts.toMontgomerySecret;
  const adjustScalarBytes2 = opts.adjustScalarBytes === void 0 ? (bytes) => bytes : opts.adjustScalarBytes;
  const domain = opts.domain === void 0 ? (data, ctx, phflag) => {
    abool2(phflag, "phflag");
    if (ctx.length || phflag)
      throw new Error("Contexts/pre-hash are not supported");
    return data;
  } : opts.domain;
  function modN_LE(hash2) {
    return Fn.create(bytesToNumberLE(hash2));
  }
  function getPrivateScalar(key) {
    const len = lengths.secretKey;
    abytes2(key, lengths.secretKey, "secretKey");
    const hashed = abytes2(hash(key), 2 * len, "hashedSecretKey");
    const head = adjustScalarBytes2(hashed.slice(0, len));
    const prefix = hashed.slice(len, 2 * len);
    const scalar = modN_LE(head);
    return { head, prefix, scalar };
  }
  function getExtendedPublicKey(secretKey) {
    const { head, prefix, scalar } = getPrivateScalar(secretKey);
    const point = BASE.multiply(scalar);
    const pointBytes = point.toBytes();
    return { head, prefix, scalar, point, pointBytes };
  }
  function getPublicKey(secretKey) {
    return getExtendedPublicKey(secretKey).pointBytes;
  }
  function hashDomainToScalar(context = Uint8Array.of(), ...msgs) {
    const msg = concatBytes2(...msgs);
    return modN_LE(hash(domain(msg, abytes2(context, void 0, "context"), !!prehash)));
  }
  function sign(msg, secretKey, options = {}) {
    validateObject(options, {}, {}, "options");
    msg = copyBytes(abytes2(msg, void 0, "message"));
    if (prehash)
      msg = prehash(msg);
    const { prefix, scalar, pointBytes } = getExtendedPublicKey(secretKey);
    const r = hashDomainToScalar(options.context, prefix, msg);
    const R = BASE.multiply(r).toBytes();
    const k = hashDomainToScalar(options.context, R, pointBytes, msg);
    const s = Fn.create(r + k * scalar);
    if (!Fn.isValid(s))
      throw new Error("sign failed: invalid s");
    const rs = concatBytes2(R, Fn.toBytes(s));
    return abytes2(rs, lengths.signature, "result");
  }
  const verifyOpts = {
    zip215: opts.zip215
  };
  function verify(sig, msg, publicKey2, options = verifyOpts) {
    validateObject(options);
    const { context } = options;
    const zip215 = options.zip215 === void 0 ? !!verifyOpts.zip215 : options.zip215;
    const len = lengths.signature;
    sig = abytes2(sig, len, "signature");
    msg = abytes2(msg, void 0, "message");
    publicKey2 = abytes2(publicKey2, lengths.publicKey, "publicKey");
    if (zip215 !== void 0)
      abool2(zip215, "zip215");
    if (prehash)
      msg = prehash(msg);
    const mid = len / 2;
    const r = sig.subarray(0, mid);
    const s = bytesToNumberLE(sig.subarray(mid, len));
    let A, R, SB;
    try {
      A = Point.fromBytes(publicKey2, zip215);
      R = Point.fromBytes(r, zip215);
      SB = BASE.multiplyUnsafe(s);
    } catch (error) {
      return false;
    }
    if (!zip215 && A.isSmallOrder())
      return false;
    const k = hashDomainToScalar(context, r, publicKey2, msg);
    const RkA = R.add(A.multiplyUnsafe(k));
    return RkA.subtract(SB).clearCofactor().is0();
  }
  const _size = Fp2.BYTES;
  const lengths = {
    secretKey: _size,
    publicKey: _size,
    signature: 2 * _size,
    seed: _size
  };
  function randomSecretKey(seed) {
    seed = seed === void 0 ? randomBytes3(lengths.seed) : seed;
    return abytes2(seed, lengths.seed, "seed");
  }
  function isValidSecretKey(key) {
    return isBytes2(key) && key.length === lengths.secretKey;
  }
  function isValidPublicKey(key, zip215) {
    try {
      return !!Point.fromBytes(key, zip215 === void 0 ? verifyOpts.zip215 : zip215);
    } catch (error) {
      return false;
    }
  }
  const utils = {
    getExtendedPublicKey,
    randomSecretKey,
    isValidSecretKey,
    isValidPublicKey,
    /** Converts an Edwards public key to a companion Montgomery public key. */
    toMontgomery(publicKey2) {
      if (toMontgomery2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomery2(Point.fromBytes(publicKey2));
    },
    toMontgomerySecret(secretKey) {
      if (toMontgomerySecret2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomerySecret2(secretKey);
    }
  };
  Object.freeze(lengths);
  Object.freeze(utils);
  return Object.freeze({
    keygen: createKeygen(randomSecretKey, getPublicKey),
    getPublicKey,
    sign,
    verify,
    utils,
    Point,
    lengths
  });
}

// node_modules/@noble/curves/ed25519.js
/*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) */
var _1n6 = /* @__PURE__ */ BigInt(1);
var _2n4 = /* @__PURE__ */ BigInt(2);
var _5n2 = /* @__PURE__ */ BigInt(5);
var _8n3 = /* @__PURE__ */ BigInt(8);
var ed25519_CURVE_p = /* @__PURE__ */ BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
var ed25519_CURVE = /* @__PURE__ */ (() => ({
  p: ed25519_CURVE_p,
  n: BigInt("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"),
  h: _8n3,
  a: BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
  d: BigInt("0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
  Gx: BigInt("0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a"),
  Gy: BigInt("0x6666666666666666666666666666666666666666666666666666666666666658")
}))();
function ed25519_pow_2_252_3(x) {
  const _10n = BigInt(10), _20n = BigInt(20), _40n = BigInt(40), _80n = BigInt(80);
  const P = ed25519_CURVE_p;
  const x2 = x * x % P;
  const b2 = x2 * x % P;
  const b4 = pow2(b2, _2n4, P) * b2 % P;
  const b5 = pow2(b4, _1n6, P) * x % P;
  const b10 = pow2(b5, _5n2, P) * b5 % P;
  const b20 = pow2(b10, _10n, P) * b10 % P;
  const b40 = pow2(b20, _20n, P) * b20 % P;
  const b80 = pow2(b40, _40n, P) * b40 % P;
  const b160 = pow2(b80, _80n, P) * b80 % P;
  const b240 = pow2(b160, _80n, P) * b80 % P;
  const b250 = pow2(b240, _10n, P) * b10 % P;
  const pow_p_5_8 = pow2(b250, _2n4, P) * x % P;
  return { pow_p_5_8, b2 };
}
function adjustScalarBytes(bytes) {
  bytes[0] &= 248;
  bytes[31] &= 127;
  bytes[31] |= 64;
  return bytes;
}
var ED25519_SQRT_M1 = /* @__PURE__ */ BigInt("19681161376707505956807079304988542015446066515923890162744021073123829784752");
function uvRatio(u, v) {
  const P = ed25519_CURVE_p;
  const v3 = mod(v * v * v, P);
  const v7 = mod(v3 * v3 * v, P);
  const pow3 = ed25519_pow_2_252_3(u * v7).pow_p_5_8;
  let x = mod(u * v3 * pow3, P);
  const vx2 = mod(v * x * x, P);
  const root1 = x;
  const root2 = mod(x * ED25519_SQRT_M1, P);
  const useRoot1 = vx2 === u;
  const useRoot2 = vx2 === mod(-u, P);
  const noRoot = vx2 === mod(-u * ED25519_SQRT_M1, P);
  if (useRoot1)
    x = root1;
  if (useRoot2 || noRoot)
    x = root2;
  if (isNegativeLE(x, P))
    x = mod(-x, P);
  return { isValid: useRoot1 || useRoot2, value: x };
}
var ed25519_Point = /* @__PURE__ */ edwards(ed25519_CURVE, { uvRatio });
var Fp = /* @__PURE__ */ (() => ed25519_Point.Fp)();
function toMontgomery(point) {
  const { y } = point;
  return Fp.toBytes(Fp.div(_1n6 + y, _1n6 - y));
}
function toMontgomerySecret(secretKey) {
  const size = ed25519_Point.Fp.BYTES;
  abytes(secretKey, size);
  return adjustScalarBytes(sha512(secretKey.subarray(0, size))).subarray(0, size);
}
function ed(opts) {
  return eddsa(ed25519_Point, sha512, Object.assign({ adjustScalarBytes, toMontgomery, toMontgomerySecret, zip215: true }, opts));
}
var ed25519 = /* @__PURE__ */ ed({});

// src/verify/promise.ts
var PROMISE_BYTES_MAX = 4096;
var KEY_BYTES = 32;
var SIGNATURE_BYTES = 64;
var isText = (value) => typeof value === "string" && value !== "";
var isCount = (value) => Number.isSafeInteger(value) && value >= 0;
var CLAIMS = {
  iss: isText,
  sub: isText,
  sale_hash: (value) => isText(value) && BYTES32.test(value),
  store_id: isText,
  terminal_id: isText,
  record_number: (value) => isCount(value) && value > 0,
  iat: isCount,
  anchor_by: isCount
};
var PLACE = {
  chain_id: (value) => isText(value) && /^[1-9][0-9]{0,77}$/.test(value),
  contract: (value) => isText(value) && /^0x[0-9a-fA-F]{40}$/.test(value) && address(value.toLowerCase()) === value
};
function bytesOf(part2, name) {
  const bytes = part2 === "" ? void 0 : fromBase64URL(part2);
  must(bytes !== void 0, `the promise's ${name} is not base64url`);
  return bytes;
}
function object(part2, name, members2) {
  const value = parseJSON(fromUTF8(bytesOf(part2, name)));
  must(isObject(value), `the promise's ${name} is not an object`);
  const known = Object.keys(value).every((member2) => members2.includes(member2));
  must(known, `the promise's ${name} has a member that is none of ${members2.join(", ")}`);
  return value;
}
function readClaims(part2) {
  const claims = object(part2, "payload", [...Object.keys(CLAIMS), ...Object.keys(PLACE)]);
  const named = Object.keys(PLACE).some((name) => name in claims);
  for (const [name, fits] of Object.entries({ ...CLAIMS, ...named ? PLACE : {} })) {
    must(fits(claims[name]), `${name} of the promise's payload is malformed`);
  }
  const said = claims;
  must(said.anchor_by >= said.iat, "the promise is due before it was made");
  return said;
}
var thumbprint = (x) => toBase64URL(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));
function publicKey(key) {
  const { x } = key;
  if (key.kty !== "OKP" || key.crv !== "Ed25519" || key.alg !== "EdDSA" || key.use !== "sig" || !isText(x)) return void 0;
  const bytes = fromBase64URL(x);
  if (bytes?.length !== KEY_BYTES || key.kid !== thumbprint(x)) return void 0;
  return isWeak(bytes) ? void 0 : bytes;
}
function isWeak(bytes) {
  try {
    return ed25519.Point.fromBytes(bytes, false).isSmallOrder();
  } catch {
    return true;
  }
}
function parseKeys(text2) {
  const set = parseJSON(text2);
  must(isObject(set) && Array.isArray(set.keys), "not a set of keys");
  const keys = set.keys;
  must(
    keys.every((key) => isObject(key) && !("d" in key)),
    "not a set of public keys"
  );
  return { keys };
}
function readPromise(jws, jwks) {
  must(jws.length <= PROMISE_BYTES_MAX, `the promise is longer than ${PROMISE_BYTES_MAX} bytes`);
  const parts = jws.split(".");
  must(parts.length === 3, "the promise is not a compact JWS");
  const [head, payload, sign] = parts;
  const header = object(head, "header", ["alg", "typ", "kid"]);
  must(header.alg === "EdDSA" && header.typ === "tillseal-sale+jwt" && isText(header.kid), "the promise is of another type");
  const claims = readClaims(payload);
  const signature = bytesOf(sign, "signature");
  if (jwks === void 0) return claims;
  const key = keyOf(jwks, header.kid);
  must(key !== void 0, "the promise is signed with a key that is not the shop's");
  const verified = signature.length === SIGNATURE_BYTES && ed25519.verify(signature, utf8(`${head}.${payload}`), key, { zip215: false });
  must(verified, "the promise's signature does not match");
  return claims;
}
function keyOf(jwks, kid) {
  for (const key of jwks.keys) {
    const bytes = isObject(key) && key.kid === kid ? publicKey(key) : void 0;
    if (bytes !== void 0) return bytes;
  }
  return void 0;
}
function verifyPromise(jws, jwks, expected = {}) {
  const said = readPromise(jws, jwks);
  const named = [
    ["sub", said.sub, expected.sale_id],
    ["sale_hash", said.sale_hash, expected.sale_hash],
    ["store_id", said.store_id, expected.store_id],
    ["terminal_id", said.terminal_id, expected.terminal_id],
    ["record_number", said.record_number, expected.record_number]
  ];
  for (const [name, value, is] of named) must(is === void 0 || String(value) === String(is), `the promise has another ${name}`);
  if (expected.contract !== void 0 && said.contract !== void 0) {
    const { address: published, chainId: chainId2 = said.chain_id } = parseContract(expected.contract);
    must(said.contract === published && said.chain_id === chainId2, "the promise has another contract");
  }
  return said;
}
function promise(p, c) {
  if (p.promise === "") throw new Skipped("the record is older than promises");
  const { sale, chain } = p;
  const said = verifyPromise(p.promise, c.options.jwks, {
    sale_id: sale.saleId,
    sale_hash: p.sale_hash,
    store_id: sale.storeId,
    terminal_id: sale.terminalId,
    record_number: sale.recordNumber
  });
  must(String(said.iat) === String(BigInt(sale.recordedAt) / 1000000n), "the promise has another iat");
  must((said.chain_id ?? chain.chain_id) === chain.chain_id, "the promise has another chain_id");
  must((said.contract ?? chain.contract).toLowerCase() === chain.contract.toLowerCase(), "the promise has another contract");
  c.promise = said;
  c.value = moment(said.anchor_by);
  return c.options.jwks === void 0 ? "; its signature was not checked, for want of the shop's keys" : "";
}
function moment(seconds) {
  const at = new Date(Number(seconds) * 1e3);
  return Number.isNaN(at.getTime()) ? `second ${seconds}` : at.toISOString().replace(".000Z", "Z");
}

// src/verify/http.ts
var Unanswered = class extends Error {
  name = "Unanswered";
  status;
  constructor(why, status) {
    super(why);
    this.status = status;
  }
};
async function ask(url, { who, timeoutMs, bytesMax, signal, ...init }) {
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await send(url, who, {
    credentials: "omit",
    referrerPolicy: "no-referrer",
    redirect: "error",
    cache: "no-store",
    ...init,
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Unanswered(`HTTP status ${response.status}`, response.status);
  }
  return fromUTF8(await read(response, bytesMax));
}
async function send(url, who, init) {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof TypeError && error.cause === void 0) throw new Unanswered(`no connection (or ${who} lets no page ask it)`);
    throw error;
  }
}
async function read(response, bytesMax) {
  const reader = response.body?.getReader();
  const parts = [];
  let bytes = 0;
  for (let part2 = await reader?.read(); part2?.value !== void 0; part2 = await reader?.read()) {
    bytes += part2.value.length;
    if (bytes > bytesMax) {
      await reader?.cancel();
      throw new Unanswered(`the answer is longer than ${bytesMax} bytes`);
    }
    parts.push(part2.value);
  }
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part2 of parts) {
    all.set(part2, at);
    at += part2.length;
  }
  return all;
}
function reason(error) {
  if (error instanceof Unanswered) return error.message;
  const { name, code, cause } = error;
  if (name === "TimeoutError" || name === "AbortError") return "no answer in time";
  const known = { ECONNREFUSED: "connection refused", ENOTFOUND: "its name is not known" };
  return known[String(cause?.code ?? code)] ?? "the answer cannot be read";
}

// src/verify/rpc.ts
var RPC_TIMEOUT_MS = 15e3;
var RPC_BYTES_MAX = 16 << 20;
var TRIES = 3;
var FIRST_PAUSE_MS = 250;
var Unreachable = class extends Error {
  name = "Unreachable";
  method;
  /** In our own words. */
  reason;
  /** JSON-RPC's error code. */
  code;
  /** HTTP's status. */
  status;
  constructor(method, reason2, { code, status } = {}) {
    super(`the node could not be queried (${method}: ${reason2})`);
    this.method = method;
    this.reason = reason2;
    this.code = code;
    this.status = status;
  }
};
var unreadable = (method) => new Unreachable(method, "the answer cannot be read");
function jsonRPC(url, { timeoutMs = RPC_TIMEOUT_MS, signal } = {}) {
  let id = 0;
  return async (method, ...params) => {
    let answer;
    try {
      const text2 = await ask(url, {
        who: "the node",
        timeoutMs,
        bytesMax: RPC_BYTES_MAX,
        ...signal && { signal },
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params })
      });
      answer = JSON.parse(text2);
    } catch (error) {
      throw new Unreachable(method, reason(error), { status: error instanceof Unanswered ? error.status : void 0 });
    }
    if (!isObject(answer)) throw unreadable(method);
    if (answer.error) {
      const said = isObject(answer.error) ? answer.error.code : void 0;
      const code = Number.isInteger(said) ? said : 0;
      throw new Unreachable(method, `JSON-RPC error ${code}`, { code });
    }
    if (answer.result === void 0) throw unreadable(method);
    return answer.result;
  };
}
function guarded(rpc) {
  return async (method, ...params) => {
    try {
      return await rpc(method, ...params);
    } catch (error) {
      if (error instanceof Unreachable) throw error;
      const code = error?.code;
      throw new Unreachable(method, reason(Object(error)), { code: typeof code === "number" ? code : void 0 });
    }
  };
}
async function readAt(rpc, method, subject, blockHash) {
  for (let attempt = 1, wait = FIRST_PAUSE_MS; ; attempt++, wait *= 2) {
    try {
      return await rpc(method, subject, { blockHash });
    } catch (error) {
      if (!(error instanceof Unreachable) || error.code === void 0 || attempt === TRIES) throw error;
      await pause(wait);
    }
  }
}
var pause = (ms) => new Promise((done) => setTimeout(done, ms));
function quantity(method, value) {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,64}$/i.test(value)) throw unreadable(method);
  return BigInt(value);
}
async function blockAt(rpc, at) {
  const method = "eth_getBlockByNumber";
  const block2 = await rpc(method, at, false);
  if (block2 === null) return null;
  if (!isObject(block2) || typeof block2.hash !== "string" || !BYTES32.test(block2.hash)) throw unreadable(method);
  return { number: quantity(method, block2.number), hash: block2.hash, timestamp: () => quantity(method, block2.timestamp) };
}

// src/verify/path.ts
var GATEWAY_TIMEOUT_MS = 5e3;
var GATEWAY_BYTES_MAX = 16 << 10;
var PATH_MAX = 64;
var WINDOW = 1000n;
var WINDOW_MIN = 8n;
var QUERIES_MAX = 1e5;
var BUSY_TRIES = 4;
var PROGRESS_EVERY_MS = 2e3;
var BATCH_ANCHORED = topicOf("BatchAnchored(uint64,bytes32,uint32)");
var Unusable = class extends Error {
};
function usable(holds, why) {
  if (!holds) throw new Unusable(why);
}
async function findPath(p, head, log, c) {
  if (BigInt(p.log.size) === log.size && p.log.root === log.root) return { by: "the proof's own path", path: p.log.path, tried: [] };
  const tried = [];
  if (c.options.log !== void 0) {
    try {
      return { by: "the gateway's path", path: await fromGateway(c.options.log, p, log), tried };
    } catch (error) {
      tried.push(`gateway: ${because(error)}`);
    }
  }
  try {
    return { by: "a path rebuilt from the contract's events", ...await fromEvents(p, head, log, c), tried };
  } catch (error) {
    tried.push(`events: ${because(error)}`);
  }
  return { tried };
}
function because(error) {
  if (error instanceof Unusable) return error.message;
  if (error instanceof Unreachable) return error.reason;
  return reason(error);
}
async function fromGateway(base, p, now) {
  const text2 = await ask(pathURL(base, p, now), {
    who: "the gateway",
    timeoutMs: GATEWAY_TIMEOUT_MS,
    bytesMax: GATEWAY_BYTES_MAX,
    redirect: "manual"
  });
  const a = JSON.parse(text2);
  const answer = isObject(a) ? a : {};
  const { chain, batch, log } = answer;
  const here = isObject(chain) && chain.chain_id === p.chain.chain_id && sameText(chain.contract, p.chain.contract);
  usable(here, "the answer is about another contract");
  const { id, root, size } = p.batch;
  usable(isObject(batch) && batch.id === id && batch.root === root && batch.size === size, "the answer is about another batch");
  usable(isObject(log) && log.size === String(now.size) && log.root === now.root, "the answer is about another log than the contract's");
  const path = log.path ?? [];
  usable(Array.isArray(path) && path.length <= PATH_MAX && path.every(isHash), "the answer cannot be read");
  usable(leadsTo(p.batch, { ...now, path }), "its path does not lead to the contract's logRoot");
  return path;
}
var isHash = (value) => typeof value === "string" && BYTES32.test(value);
var sameText = (x, y) => typeof x === "string" && x.toLowerCase() === y.toLowerCase();
function pathURL(base, p, now) {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/$/, "")}/log/${p.batch.id}`;
  url.searchParams.set("size", String(now.size));
  url.searchParams.set("contract", address(p.chain.contract));
  return url;
}
async function fromEvents(p, head, log, c) {
  const batches = await search(p, head, log.size, c);
  usable(BigInt(batches.length) === log.size, `they end with batch ${batches.length} of ${log.size}`);
  const entries = batches.map(entry);
  usable(treeHead(entries) === log.root, "they do not give the contract's logRoot");
  const index = Number(p.batch.id) - 1;
  const other = batches[index];
  if (other !== void 0 && entries[index] !== entry(p.batch)) return { other };
  return { path: inclusionPath(index, entries) };
}
async function search(p, head, size, { rpc, options }) {
  const batches = [];
  let from = BigInt(p.chain.deployed_block);
  let window = WINDOW;
  let told2 = Date.now();
  for (let queries = 0; from <= head.number && BigInt(batches.length) < size; queries++) {
    usable(queries < QUERIES_MAX, `more than ${QUERIES_MAX} queries are needed`);
    if (Date.now() - told2 > PROGRESS_EVERY_MS) {
      told2 = Date.now();
      options.progress?.(`the contract's events: block ${from} of ${head.number}, batch ${batches.length} of ${size}`);
    }
    const to = from + window - 1n < head.number ? from + window - 1n : head.number;
    let logs;
    try {
      logs = await eventsOf(p, from, to, rpc);
    } catch (error) {
      if (busy(error) || window === WINDOW_MIN) throw error;
      window = window / 2n > WINDOW_MIN ? window / 2n : WINDOW_MIN;
      continue;
    }
    for (const log of logs) {
      const batch = emitted(log, p.chain.contract);
      usable(batch !== null, "one is not the contract's BatchAnchored");
      usable(BigInt(batch.id) === BigInt(batches.length + 1), `batch ${batch.id} follows ${batches.length}`);
      if (BigInt(batches.length) < size) batches.push(batch);
    }
    from = to + 1n;
  }
  return batches;
}
async function eventsOf(p, from, to, rpc) {
  const hex = (n) => `0x${n.toString(16)}`;
  const filter = { address: p.chain.contract, topics: [BATCH_ANCHORED], fromBlock: hex(from), toBlock: hex(to) };
  for (let attempt = 1, wait = FIRST_PAUSE_MS; ; attempt++, wait *= 2) {
    try {
      const logs = await rpc("eth_getLogs", filter);
      if (!Array.isArray(logs)) throw unreadable("eth_getLogs");
      return logs;
    } catch (error) {
      if (!busy(error) || attempt === BUSY_TRIES) throw error;
      await pause(wait);
    }
  }
}
var busy = (error) => error instanceof Unreachable && (error.status === 429 || error.status === 503);
function emitted(log, contract2) {
  try {
    if (!isObject(log) || address(String(log.address)) !== address(contract2) || !Array.isArray(log.topics)) return null;
    const [topic, id, root, ...more] = log.topics.map((t) => String(t).toLowerCase());
    const size = String(log.data).toLowerCase();
    if (topic !== BATCH_ANCHORED || more.length > 0 || ![id, root, size].every(isHash)) return null;
    return { id: String(BigInt(id)), root, size: String(BigInt(size)) };
  } catch {
    return null;
  }
}

// src/verify/chain.ts
var CONTAINS = "contains(uint64,bytes32,uint32,bytes32[])";
var VERIFY = "verify(uint64,uint32,bytes32,uint256,bytes32[],bytes32[])";
async function chainId(p, c) {
  const id = quantity("eth_chainId", await c.rpc("eth_chainId"));
  c.value = String(id);
  must(id === BigInt(p.chain.chain_id), "the node is on another chain");
}
async function contract(p, c) {
  c.value = p.chain.contract;
  if (c.options.contract !== void 0) {
    const published = parseContract(c.options.contract);
    must(published.address === address(p.chain.contract), "the proof names another contract");
    must(published.chainId === void 0 || published.chainId === p.chain.chain_id, "the proof names a contract on another chain");
  }
  const head = await blockAt(c.rpc, "latest");
  if (head === null) throw unreadable("eth_getBlockByNumber");
  c.head = head;
  const code = await readAt(c.rpc, "eth_getCode", p.chain.contract, head.hash);
  if (typeof code !== "string" || !/^0x([0-9a-f]{2})*$/.test(code)) throw unreadable("eth_getCode");
  must(code !== "0x", "there is no contract at this address");
  must(keccakHex(fromHex(code)) === "0x4fb0de844442cfd417af49fe1eddb5e27699e93474d12a0e810aa2de55e8c795", "the code at this address is not this SaleAnchor's");
}
async function call(p, c, signature, args = []) {
  const query = { to: p.chain.contract, data: encodeCall(signature, args) };
  const answer = await readAt(c.rpc, "eth_call", query, headOf(c).hash);
  if (typeof answer !== "string" || !BYTES32.test(answer)) throw unreadable("eth_call");
  return answer;
}
function headOf(c) {
  if (c.head === void 0) throw new TypeError("the head was not read");
  return c.head;
}
async function logNow(p, c) {
  const next = BigInt(await call(p, c, "nextBatchId()"));
  const size = next > 0n ? next - 1n : 0n;
  const log = { size, root: await call(p, c, "logRoot()") };
  c.value = log.root;
  must(size >= BigInt(p.batch.id), `the contract's log has size ${size}: it does not hold batch ${p.batch.id}`);
  const { by, path, other, tried } = await findPath(p, headOf(c), log, c);
  const unused = tried.length > 0 ? ` (${tried.join("; ")})` : "";
  if (other) {
    const { id, root, size: leaves } = other;
    throw new Invalid(`the contract's log of size ${size}, rebuilt from its events, has another batch ${id}: root ${root}, size ${leaves}`);
  }
  if (path === void 0) {
    throw new Skipped(
      `no path in the contract's log of size ${size}${unused}: the log was not checked, the batch is judged by its event alone`
    );
  }
  c.path = path;
  return `: ${by}, in a log of size ${size}${unused}`;
}
async function accepts(p, c, signature, args) {
  if (c.path === void 0) throw new Skipped("there is no path to ask with");
  return BigInt(await call(p, c, signature, [...args, c.path])) === 1n;
}
async function containsOnChain(p, c) {
  must(await accepts(p, c, CONTAINS, [p.batch.id, p.batch.root, p.batch.size]), "the contract does not hold the batch");
}
async function verifyOnChain(p, c) {
  const args = [p.batch.id, p.batch.size, p.sale_hash, p.amount_wei, p.proof];
  must(await accepts(p, c, VERIFY, args), "the contract does not accept it");
}
async function transaction(p, c) {
  const method = "eth_getTransactionReceipt";
  c.value = p.chain.tx_hash;
  const receipt = await c.rpc(method, p.chain.tx_hash);
  must(receipt !== null, "the chain does not know the transaction");
  if (!isObject(receipt) || !Array.isArray(receipt.logs) || typeof receipt.blockHash !== "string") throw unreadable(method);
  must(quantity(method, receipt.status) === 1n, "the transaction failed");
  c.mined = { number: quantity(method, receipt.blockNumber), hash: receipt.blockHash };
  const batches = receipt.logs.map((log) => emitted(log, p.chain.contract)).filter((batch2) => batch2?.id === p.batch.id);
  const [batch] = batches;
  must(batch != null && batches.length === 1, "it did not anchor this batch");
  must(batch.root === p.batch.root, "it anchored another root");
  must(batch.size === p.batch.size, `it anchored a batch of ${batch.size}, not ${p.batch.size}`);
}
async function block(p, c) {
  const { block_number: number, block_hash: hash } = p.chain;
  must(c.mined?.number === BigInt(number), `the transaction is in block ${c.mined?.number}, not ${number}`);
  must(c.mined.hash === hash, "the transaction is in a block with another hash");
  const canonical = await blockAt(c.rpc, `0x${BigInt(number).toString(16)}`);
  must(canonical?.hash === hash, "the block is not on the chain (any more)");
  c.minedAt = canonical.timestamp();
  c.value = `${number} of ${moment(c.minedAt)}`;
  return `: ${c.value}${kept(c, c.minedAt)}`;
}
function kept(c, minedAt) {
  if (c.promise === void 0) return "";
  const due = BigInt(c.promise.anchor_by);
  c.promiseKept = minedAt <= due;
  const promise2 = `the promise, due at ${moment(due)},`;
  return c.promiseKept ? `; ${promise2} is kept` : `; ${promise2} is broken: it was anchored ${lasting(minedAt - due)} too late`;
}
function lasting(seconds) {
  if (seconds < 120n) return `${seconds} s`;
  if (seconds < 7200n) return `${seconds / 60n} min`;
  return seconds < 172800n ? `${seconds / 3600n} h` : `${seconds / 86400n} days`;
}
var UNKNOWN_BLOCK = -39001;
async function finality(p, c) {
  c.value = p.chain.finality;
  if (p.chain.finality !== "final") return;
  const finalized = await blockAt(c.rpc, "finalized").catch((error) => {
    if (error instanceof Unreachable && error.code === UNKNOWN_BLOCK) return null;
    throw error;
  });
  must(finalized !== null, "the chain has no finalized block yet");
  const number = BigInt(p.chain.block_number);
  must(finalized.number >= number, `the finalized block is ${finalized.number}, below ${number}`);
}

// src/verify/tree.ts
function leafHash(saleHash2, amountWei) {
  return toHex(keccak(keccak(encode(["bytes32", "uint256"], [saleHash2, amountWei]))));
}
function rootOf(leaf2, proof) {
  return proof.reduce((hash, sibling) => {
    const [less, greater] = hash.toLowerCase() < sibling.toLowerCase() ? [hash, sibling] : [sibling, hash];
    return toHex(keccak(fromHex(less), fromHex(greater)));
  }, leaf2);
}

// src/verify/facts.ts
var NO_CURRENCY = "XXX";
function request(p, c) {
  const bytes = fromBase64(p.request);
  must(bytes !== void 0, "request is not base64");
  c.value = keccakHex(bytes);
  must(c.value === p.sale.requestHash, "the request is not the one that was hashed");
  if (p.sale.kind !== "sale" && p.sale.kind !== "refund") {
    const empty = p.sale.currency === NO_CURRENCY && p.sale.total === "0";
    must(empty, `a record of kind ${p.sale.kind} has the currency ${NO_CURRENCY} and the total 0`);
    if (p.sale.kind === "adjustment") adjustment(p, members(bytes));
    return;
  }
  const record = members(bytes);
  must(p.sale.currency !== NO_CURRENCY, "a till's record has a currency");
  must(record.currency === p.sale.currency, "the request has another currency");
  must(sameDecimal(record.total, p.sale.total), "the request has another total");
  must((record.kind ?? "sale") === p.sale.kind, "the request has another kind");
  if (p.sale.kind === "sale") must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
  if (record.refund_of !== void 0) {
    const same = typeof record.refund_of === "string" && record.refund_of.toLowerCase() === p.sale.refundOf;
    must(same, "the request refunds another sale");
  }
  if (p.sale.kind !== "refund") return;
  if (record.refund_of !== void 0 || record.refund_of_key !== void 0) {
    must(p.sale.refundOf !== "", "the request refunds a sale, and this is a return without a receipt");
    return;
  }
  must(p.sale.refundOf === "", "the request is a return without a receipt, and this refunds a sale");
  must((record.customer_id ?? "") === p.sale.customerId, "the request has another customer");
}
function members(bytes) {
  const value = parseJSON(fromUTF8(bytes), { anyNames: true });
  must(isObject(value), "the request is not an object");
  return value;
}
function adjustment(p, asked) {
  must(asked.customer_id === p.sale.customerId, "the request has another customer");
  must(asked.points === Number(p.sale.pointsDelta), "the request has other points");
}
function saleHash(p, c) {
  c.value = hashSale(p.sale);
  must(c.value === p.sale_hash, "the sale does not hash to sale_hash");
}
function amount(p, c) {
  if (scaled(p.sale.total).units === 0n) {
    c.value = "0";
    must(p.rate === null, "the total is 0, which needs no rate, and there is one");
    must(p.amount_wei === "0", `the total is 0, and amount_wei is ${p.amount_wei}`);
    return;
  }
  must(p.rate !== null, "there is no rate, and the total is not 0");
  must(p.rate.currency === p.sale.currency, "the rate is for another currency");
  c.value = String(weiFor(p.sale.total, p.rate.value));
  must(c.value === p.amount_wei, "amount_wei is not ceil(total * 10^18 / rate)");
}
function leaf(p, c) {
  c.value = leafHash(p.sale_hash, p.amount_wei);
  must(c.value === p.leaf, "leaf is not the hash of sale_hash and amount_wei");
}
function merkleProof(p, c) {
  c.value = rootOf(leafHash(p.sale_hash, p.amount_wei), p.proof);
  must(c.value === p.batch.root, "it does not lead to the root");
}
function position(p, c) {
  const size = BigInt(p.batch.size);
  const index = BigInt(p.batch.leaf_index);
  c.value = `${index} of ${size}`;
  must(size > 0n && index < size, "leaf_index is not below the batch's size");
  const node2 = 2n * size - 2n - index;
  must(p.proof.length === (node2 + 1n).toString(2).length - 1, "the proof's length does not fit leaf_index and size");
  const [first] = p.proof;
  if (first === void 0) return;
  const sibling = node2 % 2n === 1n ? node2 + 1n : node2 - 1n;
  if (sibling < size - 1n) return;
  const greater = sibling < node2;
  must(greater ? first >= p.leaf : first <= p.leaf, "leaf_index does not fit its neighbour");
}
function logThen(p, c) {
  const { id } = p.batch;
  c.value = p.log.root;
  must(BigInt(id) > 0n && BigInt(id) <= BigInt(p.log.size), `a log of size ${p.log.size} does not have batch ${id}`);
  must(leadsTo(p.batch, p.log), "log.path does not lead from the batch to log.root");
}

// src/verify/steps.ts
var TABLE = {
  shape: { holds: "every field is there and well-formed", run: (p) => shape(p) },
  request: { holds: "the record as received hashes to requestHash and agrees with the sale", run: request },
  sale_hash: { holds: "the sale's fields hash to sale_hash", run: saleHash },
  promise: { holds: "the promise is of this record", run: promise },
  amount: { holds: "amount_wei is the total at this rate, or 0 for a total of 0", run: amount },
  leaf: { holds: "sale_hash and amount_wei make the leaf", run: leaf },
  proof: { holds: "the leaf leads to the batch's root", run: merkleProof },
  position: { holds: "leaf_index and size fit the proof", run: position },
  log: { holds: "the batch leads to the root of the log as it was then", run: logThen },
  chain_id: { holds: "the node is on the proof's chain", run: chainId, asks: true },
  contract: { holds: "the code at the contract is SaleAnchor's", run: contract, asks: true },
  log_root: { holds: "the batch leads to the contract's logRoot", run: logNow, asks: true },
  contains: { holds: "the contract holds the batch", run: containsOnChain, asks: true },
  verify: { holds: "the contract accepts the proof", run: verifyOnChain, asks: true },
  transaction: { holds: "the transaction anchored this batch, root and size", run: transaction, asks: true },
  block: { holds: "its block is on the chain", run: block, asks: true },
  finality: { holds: "the block is as final as claimed", run: finality, asks: true }
};
var NOT_ASKED = "the chain was not asked";
var noNode = () => Promise.reject(new TypeError("there is no node"));
async function verifyProof(proof, rpc, options = {}) {
  const report = options.report ?? (() => {
  });
  const c = { options, rpc: rpc ? guarded(rpc) : noNode };
  const skipped = [];
  let unasked;
  for (const step of STEPS) {
    if (rpc === void 0 && TABLE[step].asks) {
      unasked ??= step;
      report({ step, state: "unknown", text: NOT_ASKED });
      continue;
    }
    const outcome = await run(step, proof, c, report);
    report(outcome);
    if (outcome.state === "skipped") skipped.push(step);
    if (outcome.state === "failed") return { verdict: "invalid", step, why: outcome.text, ...seen(c, skipped) };
  }
  if (unasked !== void 0) return { verdict: "unknown", step: unasked, why: NOT_ASKED, ...seen(c, skipped) };
  return { verdict: "valid", ...seen(c, skipped) };
}
async function run(step, p, c, report) {
  const { holds, run: run2 } = TABLE[step];
  c.value = void 0;
  const outcome = (state, text2) => ({
    step,
    state,
    text: text2,
    ...c.value !== void 0 && { value: c.value }
  });
  try {
    const more = await run2(p, c);
    return outcome("ok", typeof more === "string" ? holds + more : holds);
  } catch (error) {
    if (error instanceof Unreachable) {
      report(outcome("unknown", error.message));
      error.message = `${step}: ${error.message}`;
      throw error;
    }
    if (error instanceof Skipped) return outcome("skipped", error.message);
    return outcome("failed", error instanceof Invalid ? error.message : `cannot be read (${error.name})`);
  }
}
function seen({ minedAt, promise: promise2, promiseKept }, skipped) {
  return {
    skipped,
    ...minedAt !== void 0 && { minedAt },
    ...promise2 !== void 0 && { promise: promise2 },
    ...promiseKept !== void 0 && { promiseKept }
  };
}

// src/cli/args.ts
import { parseArgs } from "node:util";
var USAGE = `tillseal-verify: checks the proof of a sale against the chain, and needs nothing else from the shop.

  tillseal-verify [proof.json | promise.jws | -] [rpc-url] [--rpc URL] [--contract 0x… | eip155:…] [--log URL] [--jwks URL|FILE] [--json]
  tillseal-verify --help | --version

The proof is the JSON of GET /sales/{id}/proof, from a file or standard input. Every hash is recomputed, then the chain is
queried, preferably at a node of your own choice: rpc-url or --rpc, else the first URL of WEB3_PROVIDER, else PUBLIC_RPC_URL.
A shop could deploy a second contract: --contract names the one that it published. One line is printed for each step; the last
line is "valid" or "invalid: <step>: <why>". With --json each is a line of JSON.

The contract keeps one log of all batches. The proof has its batch's path in the log as it was when the proof was made; once
other batches have followed, a path in the longer log is needed. It is taken from the first of these that has it, and the
line of log_root says which:
  1. the gateway at --log, if given: a shop's base URL. What it answers is checked against the contract's logRoot.
  2. the contract's events, all of them since its first block. That can take minutes; progress goes to standard error.
  3. none: the batch is judged by its event in its transaction's receipt alone. log_root, contains and verify are skipped.
Neither 1 nor 2 is needed while no other batch has followed.

A proof has the promise that the till got with its 201. It must be of this record; with --jwks, the shop's
/.well-known/jwks.json, its signature is verified too. Instead of a proof the promise alone can be given, or the till's 201
with it: then its signature is verified, for which --jwks is needed, and what it says is printed.

Exit code 0: valid. 1: invalid. 2: wrong usage, or the check could not be completed: no node or key to ask with, or no answer.
Not provable, and so the shop's word: the rate's tier, sources and time, which of the positions that fit is leaf_index, and
deployed_block where the events are not read.
`;
var string = { type: "string" };
var boolean = { type: "boolean" };
function readArgs(args, env) {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: {
        rpc: string,
        contract: string,
        log: string,
        jwks: string,
        json: boolean,
        help: { ...boolean, short: "h" },
        version: boolean
      },
      allowPositionals: true
    });
    const urls = [values.rpc ?? [], positionals.filter(isURL)].flat();
    const [file = "-", ...more] = positionals.filter((text2) => !isURL(text2));
    const { contract: contract2, log } = values;
    if (more.length > 0 || urls.length > 1 || ![...urls, log ?? []].flat().every(isURL)) return void 0;
    if (contract2 !== void 0) parseContract(contract2);
    return { ...values, file, rpc: urls[0] ?? nodeOf(env) };
  } catch {
    return void 0;
  }
}
function nodeOf(env) {
  const [first = ""] = (env.WEB3_PROVIDER ?? "").split(",");
  return [first.trim(), env.PUBLIC_RPC_URL ?? ""].find(isURL);
}
function isURL(text2) {
  return /^https?:\/\//i.test(text2) && URL.canParse(text2);
}

// src/cli/input.ts
import { createReadStream } from "node:fs";
var INPUT_BYTES_MAX = 4 << 20;
var KEYS_BYTES_MAX = 64 << 10;
var KEYS_TIMEOUT_MS = 15e3;
async function readInput(file, bytesMax = INPUT_BYTES_MAX) {
  const parts = [];
  let bytes = 0;
  for await (const part2 of file === "-" ? process.stdin : createReadStream(file)) {
    bytes += part2.length;
    if (bytes > bytesMax) throw Object.assign(new Error("too long"), { code: "EFBIG" });
    parts.push(part2);
  }
  return Buffer.concat(parts);
}
async function readKeys(from) {
  if (!from.includes("://")) return parseKeys(fromUTF8(await readInput(from, KEYS_BYTES_MAX)));
  const url = new URL(from);
  if (!/^https?:$/.test(url.protocol)) throw new Error("another scheme");
  return parseKeys(await ask(url, { who: "the shop", timeoutMs: KEYS_TIMEOUT_MS, bytesMax: KEYS_BYTES_MAX }));
}

// src/cli/main.ts
var EXIT = { valid: 0, invalid: 1, unknown: 2 };
var USAGE_EXIT = 2;
async function main(args, env = process.env) {
  const asked = readArgs(args, env);
  if (asked?.help || asked?.version) {
    console.log(asked.help ? USAGE : "0.0.0");
    return 0;
  }
  if (asked === void 0 || asked.file === "-" && process.stdin.isTTY && args.length === 0) {
    console.error("wrong usage; see --help");
    return USAGE_EXIT;
  }
  const end = await check(asked);
  const { verdict, step, why } = end;
  if (asked.json) print(JSON.stringify(end, (_, value) => typeof value === "bigint" ? String(value) : value));
  else print([verdict, ...step === void 0 ? [] : [step], ...why === void 0 ? [] : [why]].join(": "));
  return EXIT[verdict];
}
async function check(asked) {
  let bytes;
  try {
    bytes = await readInput(asked.file);
  } catch (error) {
    return { verdict: "unknown", why: `the file cannot be read (${error.code ?? "no reason given"})` };
  }
  let input;
  try {
    input = readText(fromUTF8(bytes));
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return failed(asked, "shape", error.message);
  }
  let jwks;
  try {
    if (asked.jwks !== void 0) jwks = await readKeys(asked.jwks);
  } catch {
    return { verdict: "unknown", why: "the shop's keys cannot be read" };
  }
  return "proof" in input ? checkProof(input.proof, asked, jwks) : checkPromise(input, asked, jwks);
}
async function checkProof(proof, asked, jwks) {
  let last;
  try {
    const end = await verifyProof(proof, asked.rpc === void 0 ? void 0 : jsonRPC(asked.rpc), {
      ...asked.contract !== void 0 && { contract: asked.contract },
      ...asked.log !== void 0 && { log: asked.log },
      ...jwks && { jwks },
      progress: (line) => console.error(shown(line)),
      report: (outcome) => {
        last = outcome;
        tell(asked, outcome);
      }
    });
    if (end.verdict !== "unknown") return end;
    return { ...end, why: `${end.why}; name a node with --rpc URL, WEB3_PROVIDER or PUBLIC_RPC_URL` };
  } catch (error) {
    if (!(error instanceof Unreachable) || last === void 0) throw error;
    return { verdict: "unknown", step: last.step, why: last.text };
  }
}
function checkPromise({ promise: promise2, of }, asked, jwks) {
  let said;
  try {
    said = verifyPromise(promise2, jwks, { ...of, ...asked.contract !== void 0 && { contract: asked.contract } });
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    return failed(asked, "promise", error.message);
  }
  const why = "its signature was not checked, for want of --jwks";
  const text2 = jwks ? "the promise is signed with a key of the shop's" : `the promise can be read; ${why}`;
  tell(asked, { step: "promise", state: jwks ? "ok" : "unknown", text: text2, value: moment(said.anchor_by) });
  if (!asked.json) for (const [name, value] of told(said)) print(`${name.padEnd(9)}${value}`);
  return { verdict: jwks ? "valid" : "unknown", ...!jwks && { step: "promise", why }, promise: said };
}
function told(said) {
  return [
    ["by", said.iss],
    ["record", `${said.record_number} of terminal ${said.terminal_id} in store ${said.store_id}`],
    ["sale", said.sub],
    ["hash", said.sale_hash],
    ["made", moment(said.iat)],
    ["due", moment(said.anchor_by)],
    ...said.chain_id === void 0 ? [] : [["contract", `${said.contract} on chain ${said.chain_id}`]]
  ];
}
function failed(asked, step, why) {
  tell(asked, { step, state: "failed", text: why });
  return { verdict: "invalid", step, why };
}
function tell({ json }, outcome) {
  const mark = { ok: "ok   ", skipped: "skip ", failed: "FAIL ", unknown: void 0 }[outcome.state];
  if (json) print(JSON.stringify(outcome));
  else if (mark !== void 0) print(`${mark} ${outcome.step}: ${outcome.text}`);
}
var shown = (line) => line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "�");
var print = (line) => console.log(shown(line));
if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  process.exitCode = await main(process.argv.slice(2));
}
export {
  Invalid,
  STEPS,
  Unreachable,
  address,
  entry,
  hashSale,
  inclusionPath,
  jsonRPC,
  keccakHex,
  leadsTo,
  leafHash,
  main,
  moment,
  node,
  parseContract,
  parseJSON,
  parseKeys,
  parseProof,
  readKeys,
  readPromise,
  readText,
  rootOf,
  treeHead,
  verifyPromise,
  verifyProof,
  weiFor
};
/*
@noble/hashes

The MIT License (MIT)

Copyright (c) 2022 Paul Miller (https://paulmillr.com)

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the “Software”), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED “AS IS”, WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
*/
/*
@noble/curves

The MIT License (MIT)

Copyright (c) 2022 Paul Miller (https://paulmillr.com)

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the “Software”), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED “AS IS”, WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
*/
