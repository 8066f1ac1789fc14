/**
 * Tokenizers from Hugging Face's `tokenizer.json`, over @huggingface/tokenizers: text to ids and back, at once or
 * token by token.
 *
 * @module
 */

import { Tokenizer as Engine } from "@huggingface/tokenizers";
import { ConfigError, InputError, UnsupportedError } from "../ir/errors.ts";
import { joinPath, listIfExists, toPath } from "./files.ts";
import { describe, isRecord, parseJsonRecord, readTextOrRefuse } from "./json_reader.ts";
import { makeStreamDecoder, type StreamDecoder } from "./stream_decoder.ts";

export type { StreamDecoder } from "./stream_decoder.ts";

/** How ids become text. */
export interface DecodeOptions {
  /** Whether special tokens such as `<|endoftext|>` give no text. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** Text to token ids and back. */
export interface Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** Ids of the special tokens, which mark places in a text and are not part of it. */
  readonly specialIds: ReadonlySet<number>;
  /** Id of the token that starts a text, if the tokenizer names one. */
  readonly bosId: number | undefined;
  /** Id of the token that ends a text, if the tokenizer names one. */
  readonly eosId: number | undefined;
  /**
   * The ids of `text`. A special token that is spelled out in the text gives its id.
   *
   * @throws {InputError} if a part of the text has no token
   */
  encode(text: string): number[];
  /**
   * The text of `ids`, as it is: spaces before punctuation are not removed.
   *
   * @throws {InputError} if the vocabulary has no such id
   */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /**
   * Decodes ids one by one; the pieces together are the text that `decode` gives.
   *
   * @throws {UnsupportedError} if this kind of tokenizer cannot give text before its end
   */
  stream(options?: DecodeOptions): StreamDecoder;
  /** The id of a token of the vocabulary, for example `"<|endoftext|>"`. */
  idOf(token: string): number | undefined;
  /** The token with this id, in the vocabulary's spelling. */
  tokenOf(id: number): string | undefined;
}

/** Models of @huggingface/tokenizers. */
const MODELS = ["BPE", "WordPiece", "Unigram"];

/**
 * Reads `tokenizer.json`, and `tokenizer_config.json` where it exists, of a folder.
 *
 * @param location the folder, as path or `file:` URL
 * @throws {ConfigError} if `tokenizer.json` is missing or a file is malformed
 * @throws {UnsupportedError} if the tokenizer is of a kind that is not supported
 */
export async function loadTokenizer(location: string | URL): Promise<Tokenizer> {
  const dir = await toPath(location);
  const path = joinPath(dir, "tokenizer.json");
  const text = await readTextOrRefuse(path);
  if (text === undefined) throw await noTokenizer(dir);
  const configPath = joinPath(dir, "tokenizer_config.json");
  const config = await readTextOrRefuse(configPath);
  return makeTokenizer(
    parseJsonRecord(text, path),
    config === undefined ? {} : parseJsonRecord(config, configPath),
    path,
  );
}

/**
 * A tokenizer from the parsed JSON of its files.
 *
 * @param json content of `tokenizer.json`
 * @param config content of `tokenizer_config.json`; `{}` if there is none
 * @param source what to call the tokenizer in errors
 * @throws {ConfigError} if the JSON is malformed
 * @throws {UnsupportedError} if the tokenizer is of a kind that is not supported
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { makeTokenizer } from "./tokenizer.ts";
 *
 * const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] };
 * const tokenizer = makeTokenizer({ model, decoder: { type: "Fuse" } }, {});
 * assertEquals(tokenizer.encode("aab"), [0, 2]);
 * assertEquals(tokenizer.decode([0, 2]), "aab");
 * ```
 */
export function makeTokenizer(
  json: Readonly<Record<string, unknown>>,
  config: Readonly<Record<string, unknown>>,
  source = "the tokenizer",
): Tokenizer {
  const facts = checkTokenizer(json, source);
  let engine: Engine;
  try {
    const absent = {
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      added_tokens: [],
    };
    engine = new Engine({ ...absent, ...json }, config);
  } catch (cause) {
    throw new ConfigError(`Cannot use ${source}: ${(cause as Error).message}`, { cause });
  }
  const added = engine.get_added_tokens_decoder();
  const addedTokens = new Set([...added.values()].map(({ content }) => content));
  const special = [...added].filter(([, token]) => token.special);
  const skipped = new Set<unknown>(special.map(([, { content }]) => content));
  if (Array.isArray(config.additional_special_tokens)) {
    config.additional_special_tokens.forEach((t) => skipped.add(t));
  }
  const known = (id: number): string => {
    const token = engine.id_to_token(id);
    if (token !== undefined) return token;
    throw new InputError(
      `Cannot decode token ${id}: the vocabulary has ids from 0 to ${facts.vocabSize - 1}.`,
    );
  };
  return {
    vocabSize: facts.vocabSize,
    specialIds: new Set(special.map(([id]) => id)),
    bosId: namedId(engine, config.bos_token),
    eosId: namedId(engine, config.eos_token),
    encode(text) {
      if (typeof text !== "string") {
        throw new InputError(`Cannot encode ${describe(text)}: expected a string.`);
      }
      const { ids, tokens } = engine.encode(text);
      // an id is missing where the text is not in the vocabulary and neither is the token for the unknown
      const missing = (ids as (number | undefined)[]).indexOf(undefined);
      if (missing === -1) return ids;
      throw new InputError(
        `Cannot encode the text: the vocabulary has no token for ${describe(tokens[missing])}.`,
      );
    },
    decode(ids, { skipSpecialTokens = false } = {}) {
      ids.forEach(known);
      if (ids.length === 0) return "";
      return engine.decode([...ids], {
        skip_special_tokens: skipSpecialTokens,
        clean_up_tokenization_spaces: false,
      });
    },
    stream: ({ skipSpecialTokens = false } = {}) =>
      makeStreamDecoder({
        decoderType: facts.decoderType,
        hasWordSuffix: facts.hasWordSuffix,
        decodeChain: (tokens) => engine.decoder!.decode_chain(tokens),
        tokenOf: known,
        isAdded: (token) => addedTokens.has(token),
        isSkipped: (token) => skipSpecialTokens && skipped.has(token),
      }),
    idOf: (token) => engine.token_to_id(token),
    tokenOf: (id) => engine.id_to_token(id),
  };
}

interface TokenizerFacts {
  readonly vocabSize: number;
  readonly decoderType: string | null;
  readonly hasWordSuffix: boolean;
}

/** Checks the parts of the JSON on which the engine would give no error or a puzzling one. */
function checkTokenizer(json: Readonly<Record<string, unknown>>, source: string): TokenizerFacts {
  const refuse = (what: string): ConfigError => new ConfigError(`Cannot use ${source}: ${what}.`);
  const { model, decoder = null, added_tokens: added = [] } = json;
  if (!isRecord(model)) throw refuse(`expected an object "model", got ${describe(model)}`);
  const type = model.type ?? impliedType(model);
  if (typeof type !== "string" || !MODELS.includes(type)) {
    throw new UnsupportedError(
      `Cannot use ${source}: its model is ${describe(type)}, supported are ${MODELS.join(", ")}.`,
    );
  }
  if (
    !Array.isArray(added) || !added.every((t) => isRecord(t) && typeof t.content === "string" && isId(t.id))
  ) {
    throw refuse("added_tokens must be a list of objects with content and id");
  }
  if (decoder !== null && (!isRecord(decoder) || typeof decoder.type !== "string")) {
    throw refuse(`expected "decoder" to be null or an object with a type, got ${describe(decoder)}`);
  }
  return {
    vocabSize: Math.max(vocabularySize(model, type, refuse), ...added.map(({ id }) => id as number + 1)),
    decoderType: decoder === null ? null : (decoder as { type: string }).type,
    hasWordSuffix: Boolean(model.end_of_word_suffix),
  };
}

/** The model that a file without a type means: older files of GPT-2 have none. */
function impliedType(model: Readonly<Record<string, unknown>>): string | undefined {
  if (Array.isArray(model.vocab)) return "Unigram";
  if (!("unk_token" in model) || !("continuing_subword_prefix" in model)) return undefined;
  return "merges" in model ? "BPE" : "WordPiece";
}

function vocabularySize(
  { vocab, merges }: Readonly<Record<string, unknown>>,
  type: string,
  refuse: (what: string) => ConfigError,
): number {
  if (type === "Unigram") {
    if (!Array.isArray(vocab)) throw refuse(`expected "vocab" to be a list, got ${describe(vocab)}`);
    return vocab.length;
  }
  if (!isRecord(vocab)) {
    throw refuse(`expected "vocab" to be an object of tokens and ids, got ${describe(vocab)}`);
  }
  if (type === "BPE" && !Array.isArray(merges)) {
    throw refuse(`expected "merges" to be a list, got ${describe(merges)}`);
  }
  let size = 0;
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id)) {
      throw refuse(`the id of token ${describe(token)} is ${describe(id)}, expected an integer from 0`);
    }
    size = Math.max(size, id + 1);
  }
  return size;
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Id of a token that the configuration names as text or as an object with its text. */
function namedId(engine: Engine, token: unknown): number | undefined {
  const content = isRecord(token) ? token.content : token;
  return typeof content === "string" ? engine.token_to_id(content) : undefined;
}

async function noTokenizer(dir: string): Promise<ConfigError> {
  const names = await listIfExists(dir);
  const old =
    names?.filter((name) => ["vocab.json", "merges.txt", "vocab.bpe", "encoder.json"].includes(name)) ?? [];
  const found = names === undefined ? "there is no such folder" : "there is no such file";
  return new ConfigError(
    `Cannot read ${joinPath(dir, "tokenizer.json")}: ${found}.` +
      (old.length === 0 ? "" : ` Found ${old.join(", ")}: in transformers, ` +
        `AutoTokenizer.from_pretrained(dir).save_pretrained(dir) writes tokenizer.json from them.`),
  );
}
