// What is typed or pasted, read as values; and the forms that the value of a condition has.

export const given = (value) => value !== undefined && value !== null && value !== "";

export function values(value) {
  if (Array.isArray(value)) return value;
  return given(value) ? [value] : [];
}

export function period(value) {
  if (typeof value === "number" || (typeof value === "string" && value.trim() !== ""))
    return { amount: value, unit: "days" };
  if (value && typeof value === "object" && given(value.amount))
    return { amount: value.amount, unit: value.unit ?? "days" };
  return null;
}

export function readNumber(text) {
  const plain = text.trim();
  const grouping = /^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain);
  if (!grouping && !/^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/.test(plain)) return null;
  const value = Number(plain.replaceAll(",", ""));
  return Number.isFinite(value) ? value : null;
}

// The values of several lines, as they are pasted from a table: null where one is no number and should be.
export function readLines(text, kind) {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.map((line) => (kind === "number" ? readNumber(line) : line));
}

// Those that are not among the chosen ones, each once.
export function others(read, chosen) {
  return [...new Set(read)].filter((value) => !chosen.some((each) => String(each) === String(value)));
}

// `whole`: those of the values that are meant to be several.
export function splitAtCommas(held, whole) {
  const parts = (value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean);
  return [...new Set(values(held).flatMap((value) => (whole.includes(value) ? parts(value) : [value])))];
}
