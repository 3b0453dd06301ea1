// The tiny rewriter in the browser: byte-level BPE, prompts and greedy decoding around ONNX Runtime Web. No request leaves
// the page: networks and runtime come as scripts that hold them compressed, so that it works from the disk, too.
"use strict";

class Tokenizer {
  constructor({ tokens, merges, fixed, special_ids }) {
    this.tokens = tokens;
    this.ids = new Map(tokens.map((token, id) => [token, id]));
    this.ranks = new Map(merges.map((pair, rank) => [pair.join(" "), rank]));
    this.fixed = Object.keys(fixed).sort((a, b) => b.length - a.length);
    this.special = new Set(special_ids);
    this.characters = byteCharacters();
    this.bytes = new Map(this.characters.map((character, byte) => [character, byte]));
  }

  // Ids of text between two fixed tokens of a prompt.
  encode(text) {
    const escaped = this.fixed.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const found = [];
    for (const piece of text.split(new RegExp(`(${escaped.join("|")})`, "u"))) {
      if (this.fixed.includes(piece)) found.push(this.ids.get(piece));
      else for (const word of words(piece)) found.push(...this.merge(word));
    }
    return found;
  }

  merge(word) {
    const parts = [...new TextEncoder().encode(word)].map((byte) => this.characters[byte]);
    while (parts.length > 1) {
      let best = -1;
      let least = Infinity;
      for (let index = 0; index + 1 < parts.length; index++) {
        const rank = this.ranks.get(`${parts[index]} ${parts[index + 1]}`) ?? Infinity;
        if (rank < least) [best, least] = [index, rank];
      }
      if (best < 0) break;
      const [first, second] = [parts[best], parts[best + 1]];
      for (let index = best; index + 1 < parts.length; index++) {
        if (parts[index] === first && parts[index + 1] === second) parts.splice(index, 2, first + second);
      }
    }
    return parts.map((part) => this.ids.get(part));
  }

  decode(ids) {
    const bytes = [];
    for (const id of ids) {
      if (this.special.has(id)) continue;
      const characters = [...this.tokens[id]];
      const plain = characters.every((character) => this.bytes.has(character));
      bytes.push(...(plain ? characters.map((each) => this.bytes.get(each)) : new TextEncoder().encode(this.tokens[id])));
    }
    return new TextDecoder().decode(new Uint8Array(bytes));
  }
}

// GPT-2's printable character for each byte.
function byteCharacters() {
  const shown = (byte) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(shown(byte) ? byte : next++));
}

// Digits one by one, and everything else as GPT-2 splits it.
function words(text) {
  const space = "\\t-\\r\\x20\\x85\\p{Z}";
  const gpt2 = new RegExp(
    `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|[${space}]+(?![^${space}])|[${space}]+`, "gu");
  return text.split(/(\p{N})/u).flatMap((piece) => piece.match(gpt2) ?? []);
}

// What people write is never structure: `flamingo_lib.text.without_markers`.
function withoutMarkers(text) {
  const space = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const marker = new RegExp(
    `(?<![${space}])[${space}]+(?=#+[${space}]*(?:human|assist[\\p{L}\\p{N}_]*)[${space}]*:|` +
    `\\([${space}]*(?:drafted|revised)[${space}])`, "giu");
  const broken = /[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/u;
  return text.replace(marker, (run) => (broken.test(run) ? " " : run))
    .replace(/\((?=(?:drafted|revised) response\))/giu, "( ");
}

async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function script(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = address;
    element.onload = () => { element.remove(); resolve(); };
    element.onerror = () => reject(new Error(`${address} could not be read`));
    document.head.append(element);
  });
}

class Rewriter {
  // From the folder that `docs/site/rewriter_assets.py` writes.
  static async load(folder, say = () => {}) {
    const assets = (window.rewriterAssets = {});
    for (const name of ["runtime", "wasm", "vision", "language", "about"]) {
      say(`reading ${name}`);
      await script(`${folder}${name}.js`);
      assets[name] = await unpacked(assets[name]);
    }
    const address = URL.createObjectURL(new Blob([assets.runtime], { type: "text/javascript" }));
    const ort = await import(address);
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = assets.wasm;
    const rewriter = new Rewriter();
    rewriter.ort = ort;
    rewriter.about = JSON.parse(new TextDecoder().decode(assets.about));
    rewriter.tokenizer = new Tokenizer(rewriter.about);
    rewriter.vision = await ort.InferenceSession.create(assets.vision, { executionProviders: ["wasm"] });
    rewriter.language = await ort.InferenceSession.create(assets.language, { executionProviders: ["wasm"] });
    delete window.rewriterAssets;
    return rewriter;
  }

  async latents(example) {
    if (!example.latents) {
      const bytes = Uint8Array.from(atob(example.pixels), (character) => character.charCodeAt(0));
      const pixels = new this.ort.Tensor("float32", new Float32Array(bytes.buffer), [1, 1, 3, example.side, example.side]);
      example.latents = (await this.vision.run({ pixels })).latents;
    }
    return example.latents;
  }

  prompt(example, draft) {
    return [...example.before, ...this.tokenizer.encode(withoutMarkers(draft)), ...example.after];
  }

  // Logits of the token after these, which attend to the picture from its token on.
  async logits(example, ids) {
    const tensor = (values) => new this.ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
    const first = ids.indexOf(this.about.image_id);
    const given = { input_ids: tensor(ids), attended_image: tensor(ids.map((_, index) => +(index >= first))) };
    return (await this.language.run({ ...given, latents: await this.latents(example) })).logits.data;
  }

  // The rewrite, greedily; `show` gets the text so far at each token.
  async rewrite(example, draft, show = () => {}) {
    const ids = this.prompt(example, draft);
    const room = Math.min(this.about.max_new_tokens, this.about.context - ids.length);
    if (room < this.about.max_new_tokens) throw new Error("The draft is too long for the model: shorten it.");
    const fresh = [];
    while (fresh.length < room) {
      const logits = await this.logits(example, [...ids, ...fresh]);
      let best = -1;
      for (let id = 0; id < logits.length; id++) {
        if (id !== this.about.image_id && (best < 0 || logits[id] > logits[best])) best = id;
      }
      if (this.about.end_ids.includes(best)) break;
      fresh.push(best);
      show(this.tokenizer.decode(fresh).trim());
      await new Promise((resolve) => setTimeout(resolve));
    }
    return this.tokenizer.decode(fresh).trim();
  }
}

function openRewriter(place) {
  const find = (name) => place.querySelector(`[data-part=${name}]`);
  const [start, form, status, output] = ["start", "form", "status", "output"].map(find);
  const [choice, picture, instruction, draft, button] = ["choice", "picture", "instruction", "draft", "rewrite"].map(find);
  const say = (text) => { status.textContent = text; };
  const fail = (error) => say(`That did not work: ${error.message}`);

  start.addEventListener("click", async () => {
    start.disabled = true;
    try {
      const rewriter = (place.rewriter = await Rewriter.load(place.dataset.assets, say));
      for (const [index, { title }] of rewriter.about.examples.entries()) choice.add(new Option(title, index));
      const chosen = () => rewriter.about.examples[choice.value];
      const show = () => {
        picture.src = chosen().picture;
        picture.alt = `The picture: ${chosen().title}`;
        [instruction.textContent, draft.value, output.textContent] = [chosen().instruction, chosen().draft, ""];
      };
      choice.addEventListener("change", show);
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        button.disabled = choice.disabled = true;
        try {
          say("rewriting");
          await rewriter.rewrite(chosen(), draft.value, (text) => { output.textContent = text; });
          say("done");
        } catch (error) { fail(error); }
        button.disabled = choice.disabled = false;
      });
      show();
      [form.hidden, start.hidden] = [false, true];
      say("ready");
    } catch (error) {
      fail(error);
      start.disabled = false;
    }
  });
}

for (const place of document.querySelectorAll(".rewriter")) openRewriter(place);
