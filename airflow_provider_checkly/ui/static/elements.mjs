// Building blocks of the tabs, on the React that Airflow's UI puts on globalThis; data is only ever text.
import { readMarkdown } from "./gate.mjs";

const { createElement: h } = globalThis.React;
const STYLES = new URL("checkly.css", import.meta.url).href;
const BAD = { failing: "✕", warning: "!", tolerated: "~", degraded: "▽" };
const SYMBOLS = { ...BAD, passed: "✓", skipped: "–", waiting: "…" };

export const Page = ({ children }) =>
  h("section", { className: "checkly", "aria-label": "Checkly" },
    h("link", { rel: "stylesheet", href: STYLES }),
    children);

export const Note = ({ children }) => h("p", { className: "checkly-note", role: "status" }, children);

/** A link to Checkly, or the text alone where there is no address. */
export const Link = ({ href, children }) =>
  href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, children) : children;

/** A name from outside: its direction of writing changes nothing around it. */
export const Name = ({ children }) => h("bdi", null, children);

/** A status in words; the symbol says the same for those who do not see the colour. */
export const Mark = ({ as, children }) =>
  h("span", { className: `checkly-mark checkly-${as}` },
    h("span", { "aria-hidden": true }, SYMBOLS[as]), " ", children);

const cell = (content, place) =>
  place ? h("td", { key: place }, content) : h("th", { key: place, scope: "row" }, content);

/** A table; each row is an array of contents, of which the first one names it. */
export const Table = ({ caption, head, rows, className }) =>
  h("table", { className },
    h("caption", null, caption),
    h("thead", null, h("tr", null, head.map((title) => h("th", { key: title, scope: "col" }, title)))),
    h("tbody", null, rows.map((row, key) => h("tr", { key }, row.map(cell)))));

/** Items, of which all but the first ones are folded away. */
export const Fold = ({ items, first, what }) =>
  items.length <= first + 1 ? items : [
    ...items.slice(0, first),
    h("details", { key: "rest" },
      h("summary", null, `${items.length - first} more ${what}`),
      items.slice(first)),
  ];

const inline = ({ tag, link, text }, key) =>
  tag ? h(tag, { key }, text) : h(Link, { key, href: link }, text);

export const Markdown = ({ text }) =>
  readMarkdown(text).map(({ isItem, parts }, key) =>
    h("p", { key, className: isItem ? "checkly-item" : undefined }, Array.from(parts, inline)));
