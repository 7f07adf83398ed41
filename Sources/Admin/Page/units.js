// Numbers as people read them: three digits and a unit, "–" for what is not known.

const NONE = "–";
const SPACE = "\u00a0";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

function threeDigits(value) {
  if (value >= 99.95) return value.toFixed(0);
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

// Events per second: 0, 3.4, 532, 48.2 k, 1.25 M.
function rate(value) {
  if (!isNumber(value)) return NONE;
  if (value <= 0) return "0";
  if (value < 0.05) return "<0.1";
  if (value < 9.95) return value.toFixed(1);
  if (value < 999.5) return value.toFixed(0);
  if (value < 999500) return threeDigits(value / 1e3) + SPACE + "k";
  return threeDigits(value / 1e6) + SPACE + "M";
}

// A share of one. What is below 100 % never reads as 100 %, and what is above zero never as zero.
function percent(value, digits = 1) {
  if (!isNumber(value)) return NONE;
  if (value <= 0 || value >= 1) return (value <= 0 ? "0" : "100") + SPACE + "%";
  const least = 10 ** -digits;
  const rounded = Math.min(Math.max(value * 100, least), 100 - least);
  return rounded.toFixed(digits) + SPACE + "%";
}

const shareDigits = (value) => (isNumber(value) && value < 0.0995 ? 2 : 1);
const share = (value) => percent(value, shareDigits(value));

// A latency in seconds: 123 µs, 1.23 ms, 2.50 s.
function latency(seconds) {
  if (!isNumber(seconds)) return NONE;
  if (seconds < 0.0009995) return (seconds * 1e6).toFixed(0) + SPACE + "µs";
  if (seconds < 0.9995) return threeDigits(seconds * 1e3) + SPACE + "ms";
  return threeDigits(seconds) + SPACE + "s";
}

function bytes(value) {
  if (!isNumber(value)) return NONE;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return (unit === 0 ? value.toFixed(0) : threeDigits(value)) + SPACE + units[unit];
}

// A number of things: 0, 532, 48.2 k, 1.25 M.
function amount(value) {
  return isNumber(value) && value < 999.5 ? value.toFixed(0) : rate(value);
}

// As a label of an axis: without zeros behind the point.
const short = (text) => text.replace(/\.0+(?=\D|$)|(\.\d*[1-9])0+(?=\D|$)/, "$1");

// The largest unit of a time alone: 12 s, 3 min, 5 h, 7 d.
const roughly = (seconds) => duration(seconds).split(" ")[0];

const grouped = new Intl.NumberFormat("en");
const count = (value) => (isNumber(value) ? grouped.format(value) : NONE);

// 12 s, 3 min 4 s, 5 h 6 min, 7 d 8 h.
function duration(seconds) {
  if (!isNumber(seconds)) return NONE;
  const whole = Math.max(0, Math.floor(seconds));
  const pair = (big, bigUnit, small, smallUnit) =>
    big + SPACE + bigUnit + (small > 0 ? " " + small + SPACE + smallUnit : "");
  if (whole < 60) return whole + SPACE + "s";
  if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const hourAndMinute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

// A time in seconds since 1970, on the reader's clock; with its day unless that is within twelve hours.
function clock(seconds, now) {
  if (!isNumber(seconds)) return NONE;
  const isNear = !isNumber(now) || Math.abs(now - seconds) < 43200;
  return (isNear ? timeOfDay : dayAndTime).format(new Date(seconds * 1000));
}

// A foreign text on one line: what has no width or turns the direction of writing is shown as its number.
function visible(text) {
  return String(text).replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0"));
}

const collator = new Intl.Collator("en", { numeric: true });
