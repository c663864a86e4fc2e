// Numbers, times and sizes as people read them.

const MINUS = "\u2212";
const THIN = "\u202f";

/** Formats a count with separators: 12 345. */
export function count(value) {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, THIN);
}

/** Formats a number with three significant digits. */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return count(value).replace("-", MINUS);
  const digits = Math.abs(value) >= 10 ? 1 : 2;
  return String(Number(value.toFixed(digits))).replace("-", MINUS);
}

/** Formats a share of 1 in percent. */
export function percent(share) {
  return `${number(share * 100)}${THIN}%`;
}

/** Formats a time in microseconds. */
export function micros(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1e6) return `${number(value / 1e6)}${THIN}s`;
  if (value >= 1e3) return `${number(value / 1e3)}${THIN}ms`;
  return `${number(value)}${THIN}µs`;
}

/** Formats a time in milliseconds. */
export function millis(value) {
  return value === null || value === undefined ? "–" : micros(value * 1000);
}

/** Formats a longer time in seconds: 1 h 5 min. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}${THIN}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}${THIN}min ${whole % 60}${THIN}s`;
  return `${Math.floor(minutes / 60)}${THIN}h ${minutes % 60}${THIN}min`;
}

/** Formats a time of the day with milliseconds. */
export function clock(at) {
  const date = new Date(at);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Formats "1 call", "2 calls". */
export function counted(value, noun) {
  return `${count(value)}${THIN}${noun}${value === 1 ? "" : "s"}`;
}

/** Returns a text as indented JSON if it is JSON, else the text. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
