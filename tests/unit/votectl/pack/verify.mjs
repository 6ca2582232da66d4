// node verify.mjs MODULE OPENING|- PACK...: prints the sentences of each pack, or the refusal, as a line of JSON.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [module, opening, ...folders] = process.argv.slice(2);
const { Refused, verifyPack } = await import(pathToFileURL(module));
const opened = opening === "-" ? null : new Uint8Array(await readFile(opening));
// One answer per folder, as a line of JSON, so that many packs need one process.
for (const folder of folders) {
  const pack = {
    names: () => readdir(folder),
    read: async (name) => new Uint8Array(await readFile(join(folder, name))),
  };
  try {
    console.log(JSON.stringify(await verifyPack(pack, null, opened)));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(JSON.stringify({ refused: error.message }));
  }
}
