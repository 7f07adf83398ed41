// Returns the texts and signs whose contrast with their ground is below WCAG AA, as they are drawn now.
const rgba = (text) => {
  const parts = text.match(/[\d.]+/g);
  return parts === null ? [0, 0, 0, 0] : [...parts.slice(0, 3).map(Number), parts.length > 3 ? Number(parts[3]) : 1];
};
const over = (front, back) => front.slice(0, 3).map((value, i) => value * front[3] + back[i] * (1 - front[3]));
const luminance = (colour) => {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ratio = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};
const groundOf = (node) => {
  const layers = [];
  for (let at = node; at !== null; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  let colour = [255, 255, 255];
  for (const layer of layers.reverse()) colour = over(layer, colour);
  return colour;
};
const opacityOf = (node) => {
  let opacity = 1;
  for (let at = node; at !== null; at = at.parentElement) opacity *= Number(getComputedStyle(at).opacity);
  return opacity;
};
const isSeen = (node) => {
  const box = node.getBoundingClientRect();
  const style = getComputedStyle(node);
  return box.width > 1 && box.height > 1 && style.visibility === "visible" && node.closest("[hidden], .hidden, .symbols") === null;
};
const found = [];
let measured = 0;
const measure = (node, colour, least, what) => {
  const ground = groundOf(node);
  const front = rgba(colour);
  front[3] *= opacityOf(node);
  const value = ratio(over(front, ground), ground);
  measured += 1;
  if (value < least) found.push(`${what}: ${value.toFixed(2)} of ${least} (${colour} on ${ground.map(Math.round)})`);
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const text = walker.currentNode.data.trim();
  const node = walker.currentNode.parentElement;
  if (text === "" || !isSeen(node) || node.closest("script, style, noscript, option")) continue;
  const style = getComputedStyle(node);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  measure(node, node.namespaceURI.endsWith("svg") ? style.fill : style.color, isLarge ? 3 : 4.5, JSON.stringify(text.slice(0, 40)));
}
for (const node of document.querySelectorAll("[data-label]")) {
  const style = getComputedStyle(node, "::after");
  if (style.content !== "none" && isSeen(node)) measure(node, style.color, 4.5, "label " + style.content);
}
for (const node of document.querySelectorAll("input")) {
  if (isSeen(node)) measure(node, getComputedStyle(node, "::placeholder").color, 4.5, "placeholder of " + node.id);
}
// Signs and the edges of fields: 3 to 1.
for (const node of document.querySelectorAll(".icon")) if (isSeen(node)) measure(node, getComputedStyle(node).color, 3, "icon");
for (const node of document.querySelectorAll("input, select")) {
  if (isSeen(node)) measure(node.parentElement, getComputedStyle(node).borderTopColor, 3, "edge of " + node.id);
}
for (const node of document.querySelectorAll("path.line")) {
  if (isSeen(node)) measure(node.closest(".panel"), getComputedStyle(node).stroke, 3, "line " + node.getAttribute("class"));
}
return { found, measured };
