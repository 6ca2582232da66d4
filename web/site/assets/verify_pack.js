// Verifies a Votestream results pack in a browser or in Node.js, with nothing but Web Crypto.
// A second implementation of docs/results-pack.md: tests hold it and verify_pack.py against each other.

const FORMAT = "votestream results pack 1";
const LINE = 33;
const BLOCK = 1024 * LINE;
const AVERAGE_PART_LINES = 360000;
const DIGESTED = ["certificate.json", "key.der", "verify_pack.py"];

export class Refused extends Error {}

/**
 * Verifies a pack and returns the sentences of the checks that hold, with the result.
 *
 * @param {{names: () => Promise<string[]>, read: (name: string) => Promise<Uint8Array>}} pack
 * @param {string | null} keyFingerprint what the organiser published, or null
 * @param {Uint8Array | null} opening a voter's opening as JSON: the voter's line is found
 * @param {SubtleCrypto} subtle
 * @throws {Refused} with a sentence that says what is wrong
 */
export async function verifyPack(pack, keyFingerprint = null, opening = null, subtle = globalThis.crypto.subtle) {
  const sentences = [];
  const names = new Set(await pack.names());
  const read = async (name) => {
    if (!names.has(name)) throw new Refused(`${name} is missing`);
    return pack.read(name);
  };
  const sha256 = async (...pieces) => new Uint8Array(await subtle.digest("SHA-256", joined(pieces)));

  const manifestBytes = await read("manifest.json");
  const keyBytes = await read("key.der");
  await checkSignature(subtle, keyBytes, await read("manifest.sig"), manifestBytes);
  sentences.push("The manifest is signed with the key in key.der.");
  const fingerprint = hex(await sha256(keyBytes));
  if (keyFingerprint === null) {
    sentences.push(`The key's fingerprint is ${fingerprint}. Compare it with the published one.`);
  } else if (keyFingerprint.replaceAll(":", "").trim().toLowerCase() !== fingerprint) {
    throw new Refused(`the key's fingerprint is ${fingerprint}, not the one that you gave`);
  } else {
    sentences.push("The key's fingerprint is the one that you gave.");
  }

  const manifest = parsed(manifestBytes, "manifest.json");
  checkManifest(manifest, manifestBytes);
  const expected = new Set(["manifest.json", "manifest.sig", ...DIGESTED, ...manifest.parts.map((part) => part.file)]);
  for (const name of expected) if (!names.has(name)) throw new Refused(`${name} is missing`);
  for (const name of names) if (!expected.has(name)) throw new Refused(`${name} does not belong to the pack`);
  for (const name of DIGESTED) {
    if (hex(await sha256(await read(name))) !== manifest.files[name]) {
      throw new Refused(`${name} is not the file that was signed`);
    }
  }
  sentences.push("The pack holds exactly the files that its manifest names.");

  const certificate = parsed(await read("certificate.json"), "certificate.json");
  checkCertificate(certificate, manifest);
  sentences.push(`The certificate is the signed one. It is for poll ${manifest.poll_id}.`);

  const bits = Math.log2(manifest.parts.length);
  for (const [number, part] of manifest.parts.entries()) {
    const content = await read(part.file);
    if (content.length !== LINE * part.lines) throw new Refused(`${part.file} has another length than its lines`);
    if (hex(await treeRoot(content, sha256)) !== part.root) throw new Refused(`${part.file} is not the file that was signed`);
    checkLines(content, part, number, bits);
  }
  sentences.push(
    `All ${manifest.lines} lines are sorted, no line is there twice, and every block matches its signed tree.`,
  );
  const result = manifest.options.map((option, index) => ({ option, votes: manifest.counts[index] }));
  sentences.push(`The lines add up to the certificate: ${result.map(({ option, votes }) => `${option} ${votes}`).join(", ")}.`);
  if (opening !== null) {
    const { file, number, option } = await lineOf(manifest, parsed(opening, "the opening"), read, sha256);
    sentences.push(`The opening's line is line ${number} of ${file}. It is a vote for ${manifest.options[option]}.`);
  }
  return { sentences, fingerprint, result, certificate };
}

async function lineOf(manifest, opening, read, sha256) {
  const fields = ["poll_id", "voter", "version", "salt"];
  if (fields.some((field) => typeof opening[field] !== "string")) {
    throw new Refused(`the opening lacks one of the texts ${fields.join(", ")}`);
  }
  const { poll_id: pollId, voter, version, salt } = opening;
  if (pollId !== manifest.poll_id) throw new Refused(`the opening is for poll ${pollId}, the pack for ${manifest.poll_id}`);
  if (!/^([0-9a-f]{2})*$/i.test(salt)) throw new Refused("the opening's salt is not hexadecimal");
  const tracker = await sha256(
    Uint8Array.of(2),
    new TextEncoder().encode(`${pollId}\0${voter}\0${version}\0`),
    Uint8Array.from(salt.match(/../g) ?? [], (digits) => parseInt(digits, 16)),
  );
  const bits = Math.log2(manifest.parts.length);
  const { file } = manifest.parts[bits === 0 ? 0 : new DataView(tracker.buffer).getUint32(0) >>> (32 - bits)];
  const content = await read(file);
  for (let at = 0; at < content.length; at += LINE) {
    if (tracker.every((byte, offset) => content[at + offset] === byte)) {
      return { file, number: at / LINE + 1, option: content[at + LINE - 1] };
    }
  }
  throw new Refused("no line of this pack belongs to the opening");
}

async function checkSignature(subtle, keyBytes, signature, manifestBytes) {
  let holds = false;
  try {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
    const key = await subtle.importKey("spki", keyBytes, algorithm, false, ["verify"]);
    const exponent = hex(new Uint8Array(key.algorithm.publicExponent));
    if (key.algorithm.modulusLength !== 3072 || exponent !== "010001") throw new Refused("another kind of key");
    holds = await subtle.verify(algorithm.name, key, signature, manifestBytes);
  } catch {
    throw new Refused("key.der is not an RSA key of 3,072 bits with the exponent 65,537");
  }
  if (!holds) throw new Refused("manifest.json is not what manifest.sig was made for, or key.der is another key");
}

function parsed(bytes, name) {
  let document;
  try {
    document = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new Refused(`${name} is not JSON`);
  }
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Refused(`${name} is not a JSON object`);
  }
  return document;
}

function checkManifest(manifest, bytes) {
  if (manifest.format !== FORMAT) throw new Refused(`manifest.json does not say that its format is "${FORMAT}"`);
  if (canonical(manifest) !== new TextDecoder().decode(bytes)) throw new Refused("manifest.json is not in the canonical form");
  const { counts, files, lines, options, parts } = manifest;
  const areCounts = (list, length) =>
    Array.isArray(list) && list.length === length && list.every((count) => Number.isSafeInteger(count) && count >= 0);
  const wellFormed =
    sameFields(manifest, ["counts", "files", "format", "lines", "options", "parts", "poll_id"]) &&
    sameFields(files, DIGESTED) &&
    Array.isArray(options) &&
    Array.isArray(parts) &&
    options.every((option) => typeof option === "string") &&
    options.length >= 2 &&
    options.length <= 256 &&
    new Set(options).size === options.length &&
    areCounts(counts, options.length) &&
    areCounts([lines], 1) &&
    parts.every(
      (part) =>
        sameFields(part, ["counts", "file", "lines", "root"]) &&
        areCounts(part.counts, options.length) &&
        areCounts([part.lines], 1),
    );
  if (!wellFormed) throw new Refused("manifest.json lacks a field, or has one that it must not have");
  let expected = 1;
  while (expected * AVERAGE_PART_LINES < lines) expected *= 2;
  if (parts.length !== expected) throw new Refused("manifest.json names a wrong number of parts");
  parts.forEach((part, number) => {
    if (part.file !== `lines-${String(number).padStart(4, "0")}.bin`) {
      throw new Refused("manifest.json names the parts in another order or by other names");
    }
  });
  const sum = (list) => list.reduce((total, count) => total + count, 0);
  if (sum(counts) !== lines || sum(parts.map((part) => part.lines)) !== lines) {
    throw new Refused("the numbers of lines in manifest.json do not add up");
  }
  counts.forEach((count, option) => {
    if (sum(parts.map((part) => part.counts[option])) !== count) {
      throw new Refused("the counts of the parts in manifest.json do not add up");
    }
  });
}

function checkCertificate(certificate, manifest) {
  if (certificate.poll_id !== manifest.poll_id) throw new Refused("the certificate is for another poll");
  const counts = Array.isArray(certificate.counts) ? certificate.counts : [];
  if (canonical(counts.map((count) => count?.option ?? null)) !== canonical(manifest.options)) {
    throw new Refused("the certificate has other options than the manifest");
  }
  if (counts.reduce((total, count) => total + count.votes, 0) !== certificate.voters) {
    throw new Refused("the certificate's counts do not add up to its voters");
  }
  if (canonical(counts.map((count) => count.votes)) !== canonical(manifest.counts)) {
    throw new Refused("the lines give other counts than the certificate");
  }
}

function checkLines(content, part, number, bits) {
  const counted = new Array(part.counts.length).fill(0);
  for (let at = 0; at < content.length; at += LINE) {
    if (at > 0 && !isLess(content, at - LINE, at)) {
      throw new Refused(`${part.file} has a line twice, or its lines are not sorted`);
    }
    const first = ((content[at] << 24) | (content[at + 1] << 16) | (content[at + 2] << 8) | content[at + 3]) >>> 0;
    if (bits > 0 && first >>> (32 - bits) !== number) {
      throw new Refused(`${part.file} has a line that belongs to another part`);
    }
    const option = content[at + LINE - 1];
    if (option >= counted.length) throw new Refused(`${part.file} has a line for an option that the poll does not have`);
    counted[option] += 1;
  }
  if (canonical(counted) !== canonical(part.counts)) throw new Refused(`the lines of ${part.file} do not give its counts`);
}

function isLess(content, left, right) {
  for (let offset = 0; offset < LINE - 1; offset += 1) {
    if (content[left + offset] !== content[right + offset]) return content[left + offset] < content[right + offset];
  }
  return false;
}

// RFC 6962, 2.1: the leaves are the part's blocks.
async function treeRoot(content, sha256) {
  if (content.length === 0) return sha256();
  const leaves = [];
  for (let at = 0; at < content.length; at += BLOCK) {
    leaves.push(await sha256(Uint8Array.of(0), content.subarray(at, at + BLOCK)));
  }
  const rootOf = async (hashes) => {
    if (hashes.length === 1) return hashes[0];
    let left = 1;
    while (left * 2 < hashes.length) left *= 2;
    return sha256(Uint8Array.of(1), await rootOf(hashes.slice(0, left)), await rootOf(hashes.slice(left)));
  };
  return rootOf(leaves);
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function sameFields(object, names) {
  return typeof object === "object" && object !== null && canonical(Object.keys(object).sort()) === canonical([...names].sort());
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
