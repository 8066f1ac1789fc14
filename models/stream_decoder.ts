/**
 * Text from tokens as they come: each push gives what is certain, so that printing the pieces one after another
 * gives exactly the text that decoding all tokens at once would.
 *
 * @module
 */

import { UnsupportedError } from "../ir/errors.ts";

/** Decodes tokens one by one. */
export interface StreamDecoder {
  /**
   * The text that this token makes certain; empty while a character is incomplete.
   *
   * @throws {InputError} if the vocabulary has no such id
   */
  push(id: number): string;
  /** What was held back: U+FFFD for an incomplete character. The decoder is ready for another text then. */
  end(): string;
}

/** What a stream needs to know of a tokenizer. */
export interface DecodingRules {
  /** Type of the decoder in `tokenizer.json`; `null` where there is none. */
  readonly decoderType: string | null;
  /** Whether words carry a suffix that only becomes a space in the finished text. */
  readonly hasWordSuffix: boolean;
  /** The decoder itself: text of each of a list of tokens. */
  decodeChain(tokens: string[]): string[];
  /** The token with this id. */
  tokenOf(id: number): string;
  /** Whether the token stands for its own characters, not for bytes. */
  isAdded(token: string): boolean;
  /** Whether the token gives no text. */
  isSkipped(token: string): boolean;
}

/** Text of the next token, and of the end. */
interface Pieces {
  next(token: string): string;
  end(): string;
}

/**
 * A stream with these rules.
 *
 * @throws {UnsupportedError} if text of this kind of decoder cannot be given before its end
 */
export function makeStreamDecoder(rules: DecodingRules): StreamDecoder {
  const pieces = makePieces(rules);
  return {
    push(id) {
      const token = rules.tokenOf(id);
      return rules.isSkipped(token) ? "" : pieces.next(token);
    },
    end: () => pieces.end(),
  };
}

function makePieces(rules: DecodingRules): Pieces {
  const { decoderType } = rules;
  if (!rules.hasWordSuffix) {
    switch (decoderType) {
      case "ByteLevel":
        return byteLevelPieces(rules);
      case null:
        return positionalPieces((token, isFirst) => isFirst ? token : ` ${token}`);
      case "Fuse":
      case "Metaspace":
      case "Replace":
      case "Strip":
      case "WordPiece":
        // these give each token its text by itself; only the first may differ
        return positionalPieces((token, isFirst) =>
          isFirst ? rules.decodeChain([token])[0]! : rules.decodeChain(["", token]).at(-1)!
        );
    }
  }
  throw new UnsupportedError(
    `Cannot stream text of this tokenizer: its decoder is ${decoderType}${
      rules.hasWordSuffix ? " with a word suffix" : ""
    }. Decode the finished tokens instead.`,
  );
}

function positionalPieces(textOf: (token: string, isFirst: boolean) => string): Pieces {
  let isFirst = true;
  return {
    next(token) {
      const text = textOf(token, isFirst);
      isFirst = false;
      return text;
    },
    end() {
      isFirst = true;
      return "";
    },
  };
}

/** Tokens are bytes, so a character may need several; added tokens are text, which ends what came before. */
function byteLevelPieces({ isAdded }: DecodingRules): Pieces {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    next(token) {
      if (isAdded(token)) return utf8.decode() + token;
      const bytes = Uint8Array.from(token, (char) => BYTE_OF_CHAR.get(char) ?? 0);
      return utf8.decode(bytes, { stream: true });
    },
    end: () => utf8.decode(),
  };
}

/**
 * The byte that each character of a byte-level vocabulary stands for. Printable bytes of Latin-1 stand for
 * themselves; the others, in order, are the characters from 256 on.
 */
const BYTE_OF_CHAR: ReadonlyMap<string, number> = byteOfChar();

function byteOfChar(): ReadonlyMap<string, number> {
  const isPrintable = (byte: number) => byte > 0x20 && byte < 0x7f || byte > 0xa0 && byte !== 0xad;
  const map = new Map<string, number>();
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    map.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
  }
  return map;
}
