// The other side of the exchange, with @msgpack/msgpack, which is looked for in the folder that MODULES names.
// write <seed> <count> <path>: values into <path>.msgpack, their descriptions into <path>.jsonl. read <path>: reads and compares them.
// The descriptions are those of tests/Shared/MessagePackDescription.cs.
import { createRequire } from 'node:module';
import { readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const { encode, decodeMulti, ExtData, ExtensionCodec, encodeTimeSpecToTimestamp, decodeTimestampToTimeSpec } =
  createRequire(`${process.env.MODULES}/`)('@msgpack/msgpack');

const TEXTS = ['', 'a', 'größer', '日本語', '🚀', '\0', '\u2028"\\\n', 'x'.repeat(31), 'x'.repeat(32), 'é'.repeat(127), 'é'.repeat(128), 'y'.repeat(70000)];
const LENGTHS = [0, 1, 2, 3, 4, 5, 8, 15, 16, 17, 31, 32, 255, 256, 65535, 65536];
const FIRST = -62135596800, LAST = 253402300799;
const SECONDS = [FIRST, LAST, 0, -1, 2 ** 32 - 1, 2 ** 32, 2 ** 34 - 1, 2 ** 34];

// Dates have milliseconds only; these have what the timestamp has.
class Time {
  constructor(sec, nsec) { Object.assign(this, { sec, nsec }); }
}

const extensionCodec = new ExtensionCodec();
extensionCodec.register({
  type: -1,
  encode: (value) => (value instanceof Time ? encodeTimeSpecToTimestamp(value) : null),
  decode: (data) => {
    const { sec, nsec } = decodeTimestampToTimeSpec(data);
    return new Time(sec, nsec);
  },
});

const hex = (bytes) => Buffer.from(bytes).toString('hex');

function describeFloat(value) {
  const bits = Buffer.alloc(8);
  bits.writeDoubleBE(value);
  return ['float', Number.isNaN(value) ? '7ff8000000000000' : hex(bits)];
}

// A number of JavaScript may have been written as an integer or as a float: the kind that is expected decides what it is compared as.
function describe(value, kind) {
  if (value === null) return ['nil'];
  if (typeof value === 'boolean') return ['bool', value];
  if (typeof value === 'bigint') return ['int', String(value)];
  if (typeof value === 'number') return kind === 'float' || !Number.isInteger(value) || Object.is(value, -0) ? describeFloat(value) : ['int', String(value)];
  if (typeof value === 'string') return ['str', value];
  if (value instanceof Uint8Array) return ['bin', hex(value)];
  if (value instanceof Time) return ['time', String(value.sec), value.nsec];
  if (value instanceof ExtData) return ['ext', value.type, hex(value.data)];
  return null;
}

// Compares what was read with its description; gives where they differ, or null.
function difference(expected, value, at = '') {
  let [kind, ...rest] = expected;
  if (kind === 'array') {
    if (!Array.isArray(value) || value.length !== rest[0].length) return `${at}: no array of ${rest[0].length}`;
    return rest[0].map((item, i) => difference(item, value[i], `${at}[${i}]`)).find((found) => found) ?? null;
  }
  if (kind === 'map') {
    if (value === null || typeof value !== 'object' || describe(value) || Array.isArray(value)) return `${at}: no map`;
    const keys = rest[0].map(([key]) => key[1]);
    if (!isDeepStrictEqual(Object.keys(value), keys)) return `${at}: keys ${Object.keys(value)} instead of ${keys}`;
    return rest[0].map(([key, item]) => difference(item, value[key[1]], `${at}.${key[1]}`)).find((found) => found) ?? null;
  }
  if (kind === 'float32') {
    [kind, ...rest] = describeFloat(Buffer.from(rest[0], 'hex').readFloatBE());
  }
  const actual = describe(value, kind);
  return isDeepStrictEqual(actual, [kind, ...rest]) ? null : `${at}: expected ${JSON.stringify([kind, ...rest])}, read ${JSON.stringify(actual)}`;
}

// Mulberry32, which is enough to choose values.
function randomOf(seed) {
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(random() * limit);
  return { random, below, of: (list) => list[below(list.length)] };
}

const data = ({ random, below, of }) => Uint8Array.from({ length: random() < 0.05 ? of(LENGTHS) : below(20) }, () => below(256));

function text({ random, below, of }) {
  if (random() < 0.3) return of(random() < 0.02 ? TEXTS : TEXTS.slice(0, -1));
  const codes = Array.from({ length: below(40) }, () => (random() < 0.25 ? below(0x110000) : 0x20 + below(0x5f)));
  return codes.map((code) => (code >= 0xd800 && code < 0xe000 ? '?' : String.fromCodePoint(code))).join('');
}

function bigInteger({ below, of }) {
  const bits = below(65);
  const edge = (1n << BigInt(bits)) + BigInt(below(5) - 2);
  const value = of([edge, -edge]);
  return value < -(1n << 63n) ? -(1n << 63n) : value >= 1n << 64n ? (1n << 64n) - 1n : value;
}

// Whole numbers are written as integers by this library, so floats are made that are none.
function float({ below, of }) {
  const special = [0.1, 5e-324, Infinity, -Infinity, NaN, 1.7976931348623157e308, -1.5];
  const bits = Buffer.from(Array.from({ length: 8 }, () => below(256)));
  const value = below(3) === 0 ? of(special) : bits.readDoubleBE();
  // Of the bit patterns that are no number only one is described.
  return Number.isSafeInteger(value) ? 0.5 : Number.isNaN(value) ? NaN : value;
}

// A value with its description.
function generate(source, depth = 0) {
  const { random, below, of } = source;
  const count = random() < 0.02 ? 14 + below(26) : below(5);
  let value;
  switch (below(depth < 5 ? 11 : 9)) {
    case 0: value = of([null, true, false]); break;
    case 1: value = bigInteger(source); break; // in 64 bits, however small
    case 2: value = Number(bigInteger(source) >> 32n); break; // numbers beyond 32 bits would be written as floats
    case 3: case 4: value = float(source); return [value, describe(value, 'float')];
    case 5: value = text(source); break;
    case 6: value = data(source); break;
    case 7: value = new ExtData(below(128), data(source)); break;
    case 8: {
      const seconds = random() < 0.3 ? of(SECONDS) : Math.floor((FIRST + random() * (LAST - FIRST)) / 2 ** below(20));
      value = new Time(seconds, of([0, below(10 ** 7) * 100]));
      break;
    }
    case 9: {
      const items = Array.from({ length: count }, () => generate(source, depth + 1));
      return [items.map(([item]) => item), ['array', items.map(([, description]) => description)]];
    }
    default: {
      const keys = [...new Set(Array.from({ length: count }, () => `k${text(source)}`))];
      const items = keys.map((key) => [key, ...generate(source, depth + 1)]);
      return [Object.fromEntries(items), ['map', items.map(([key, , description]) => [['str', key], description])]];
    }
  }
  return [value, describe(value)];
}

function write(seed, count, path) {
  const source = randomOf(seed);
  const [packed, descriptions] = [[], []];
  for (let i = 0; i < count; i++) {
    const [value, description] = generate(source);
    packed.push(encode(value, { extensionCodec, useBigInt64: true }));
    descriptions.push(`${JSON.stringify(description)}\n`);
  }
  writeFileSync(`${path}.msgpack`, Buffer.concat(packed));
  writeFileSync(`${path}.jsonl`, descriptions.join(''));
  return 0;
}

function read(path) {
  const values = [...decodeMulti(readFileSync(`${path}.msgpack`), { extensionCodec, useBigInt64: true })];
  const lines = readFileSync(`${path}.jsonl`, 'utf8').trimEnd().split('\n');
  const found = lines.map((line, i) => [i, difference(JSON.parse(line), values[i])]).filter(([, text]) => text);
  found.forEach(([i, text]) => console.error(`Value ${i}${text}`.slice(0, 500)));
  const surplus = values.length === lines.length ? 0 : 1;
  if (surplus) console.error(`${values.length} values for ${lines.length} descriptions`);
  console.log(lines.length, found.length + surplus);
  return found.length + surplus ? 1 : 0;
}

const [, , command, ...rest] = process.argv;
process.exitCode = command === 'write' ? write(Number(rest[0]), Number(rest[1]), rest[2]) : read(rest[0]);
