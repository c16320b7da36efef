// The command that does in a terminal what the page does.

/** Quotes an argument for a POSIX shell, if it needs that. */
export function shellQuote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** `options` are [name, text] of what differs from the defaults. An empty text leaves the option out. */
export function commandLine(options) {
  const words = ["cargo", "run", "--release", "--", "train"];
  for (const [option, text] of options) {
    // A value that starts with a dash would be taken for an option.
    if (text !== "")
      words.push(...(text.startsWith("-") ? [`${option}=${shellQuote(text)}`] : [option, shellQuote(text)]));
  }
  return words.join(" ");
}
