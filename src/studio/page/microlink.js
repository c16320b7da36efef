// What the microscope is set to, as text for the address: `layer:conv2;kernel:conv2d.forward;element:77;step:57`.

const NUMBERS = ["element", "label", "subgroup", "step"];
const WORDS = ["layer", "kernel", "rung", "picture", "run"];

/** `thread` is {pass, group, thread}: `0.1.0.0.37`. What is null is left out. */
export function microText({ thread, ...rest }) {
  const place = thread ? [thread.pass, ...thread.group, thread.thread].join(".") : null;
  return [...WORDS, ...NUMBERS, "thread"]
    .map((name) => [name, name === "thread" ? place : rest[name]])
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}:${encodeURIComponent(value).replaceAll("%2F", "/")}`)
    .join(";");
}

/** The same the other way round; what is no number where one is needed is left out. */
export function readMicro(text) {
  const aim = {};
  for (const part of text.split(";")) {
    const [name, value] = [part.slice(0, part.indexOf(":")), decoded(part.slice(part.indexOf(":") + 1))];
    const numbers = value.split(".").map(Number);
    const areNumbers = numbers.every((number) => Number.isSafeInteger(number) && number >= 0);
    if (WORDS.includes(name)) aim[name] = value;
    else if (NUMBERS.includes(name) && areNumbers && numbers.length === 1) [aim[name]] = numbers;
    else if (name === "thread" && areNumbers && numbers.length === 5)
      aim.thread = { pass: numbers[0], group: numbers.slice(1, 4), thread: numbers[4] };
  }
  return aim;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
