// Colours for WGSL and Rust: comments, words of the language, types, numbers, and names of functions.
// A few rules, enough to read by; everything is a text node.

const KEYWORDS = {
  wgsl: "fn let var const override struct if else for while loop switch case default break continue return discard enable alias diagnostic storage uniform workgroup private function read read_write write true false",
  rust: "fn let mut pub use mod impl for in if else match while loop break continue return struct enum trait where as const static move ref self Self super crate dyn unsafe async await true false",
};
const TYPES = {
  wgsl: /^(?:[fiu](?:16|32)|bool|vec[234][fiuh]?|mat[234]x[234][fh]?|array|atomic|ptr|texture_\w+|sampler)$/,
  rust: /^(?:[fiu](?:8|16|32|64|128)|[iu]size|bool|char|str|[A-Z]\w*)$/,
};
const WORDS = Object.fromEntries(
  Object.entries(KEYWORDS).map(([language, words]) => [language, new Set(words.split(" "))]),
);

// In this order: a comment may hold anything, an attribute is one thing, then numbers before names.
const TOKEN =
  /(?<comment>\/\/[^\n]*|\/\*[^]*?\*\/)|(?<string>"(?:[^"\\\n]|\\.)*")|(?<attribute>@\w+|#!?\[[^\]\n]*\])|(?<number>\b(?:0x[\da-fA-F_]+|\d[\d_]*(?:\.\d*(?!\.))?(?:e[+-]?\d+)?)(?:[fiuh]\d*|usize)?\b)|(?<name>[A-Za-z_]\w*)/g;

/** [{kind, text}]; kind is "" for what has no colour. */
export function tokens(source, language) {
  const list = [];
  let end = 0;
  for (const match of source.matchAll(TOKEN)) {
    if (match.index > end) list.push({ kind: "", text: source.slice(end, match.index) });
    end = match.index + match[0].length;
    const [kind] = Object.entries(match.groups).find(([, text]) => text !== undefined);
    list.push({ kind: kind === "name" ? kindOfName(match[0], source[end], language) : kind, text: match[0] });
  }
  list.push({ kind: "", text: source.slice(end) });
  return list;
}

function kindOfName(name, next, language) {
  if (WORDS[language].has(name)) return "keyword";
  if (TYPES[language].test(name)) return "type";
  return next === "(" || next === "!" ? "call" : "";
}

/** The source as nodes, a line each; line numbers come from the style sheet. */
export function highlight(source, language) {
  const lines = [newLine()];
  for (const { kind, text } of tokens(source.replace(/\n$/, ""), language)) {
    text.split("\n").forEach((part, i) => {
      if (i > 0) lines.push(newLine());
      if (!part) return;
      const span = document.createElement("span");
      if (kind) span.className = `t-${kind}`;
      span.textContent = part;
      lines.at(-1).append(kind ? span : part);
    });
  }
  return lines.flatMap((line, i) => (i < lines.length - 1 ? [line, "\n"] : [line]));
}

function newLine() {
  const line = document.createElement("span");
  line.className = "line";
  return line;
}

/** Number of the line on which a function begins, from 0; -1 if it is not there. */
export const lineOfFunction = (source, name) =>
  source.split("\n").findIndex((line) => new RegExp(`\\bfn ${name}\\b`).test(line));
