// What is wrong with the page for whoever reads it, as a list of sentences. Run by the driver, as the body of a function.
const found = [];
const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);

// How far two colours stand apart, as WCAG 2.2 reckons it; text needs 4.5 (1.4.3).
const luminance = (colour) => {
  const [red, green, blue] = numbers(colour).slice(0, 3).map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
};
const background = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (numbers(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
let texts = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility() || element.closest(".hear, .skip")) continue;
  texts += 1;
  const style = getComputedStyle(element);
  const ratio = contrast(element.closest("svg") ? style.fill : style.color, background(element));
  if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${node.data.trim()}`);
}
if (!texts) found.push("nothing to read");

const each = (selector, isFine) => {
  for (const one of document.querySelectorAll(selector)) {
    if (!isFine(one)) found.push(`${selector}: ${one.outerHTML.slice(0, 120)}`);
  }
};
each("th", (one) => ["row", "col"].includes(one.scope));
each("table", (one) => one.caption?.textContent.trim());
each("input:not([type=hidden])", (one) => one.labels.length === 1 && one.autocomplete);
// A finger needs 44 pixels, where it is not a word within a text.
each("button, summary, nav a, input:not([type=hidden])", (one) => !one.checkVisibility() || one.getBoundingClientRect().height >= 44);
each("[tabindex]", (one) => one.tabIndex <= 0);
each("[style], style, script:not([src])", () => false);

const levels = [...document.querySelectorAll("h1, h2, h3")].map((one) => Number(one.tagName[1]));
if (levels.filter((level) => level === 1).length !== 1) found.push("there is not one h1");
levels.forEach((level, place) => {
  if (level > (levels[place - 1] ?? 0) + 1) found.push(`h${level} follows h${levels[place - 1]}`);
});
if (document.querySelectorAll("main").length !== 1) found.push("there is not one main");
if (!document.documentElement.lang) found.push("the language is not said");
const tooWide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
if (tooWide > 0) found.push(`${tooWide} pixels too wide`);
return found;
