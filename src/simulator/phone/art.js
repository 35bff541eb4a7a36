// Pictures made from a name: goods without a photograph and people without a portrait still look like themselves.

import { h, s } from "./dom.js";

// FNV-1a and a final mix: small, the same picture on every phone, and far apart for ids that are close together.
function hash(text) {
  let value = 2166136261;
  for (const character of text) {
    value = Math.imul(value ^ character.codePointAt(0), 16777619) >>> 0;
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

function firstCharacter(text) {
  return [...text.trim()][0] ?? "·";
}

function wave(level, swing, shift) {
  const y = (offset) => level + offset;
  return `M-40 ${y(0)}c${20 + shift} ${-swing} ${40 + shift} ${-swing} 60 0s40 ${swing} 60 0 40 ${-swing} 60 0 40 ${swing} 60 0V130H-40z`;
}

/** A quiet landscape of water whose colours and shapes come from `seed`. */
export function landscape(seed, title) {
  const number = hash(seed);
  const hue = number % 360;
  const second = (hue + 30 + ((number >>> 9) % 50)) % 360;
  // High on one side, clear of the letter in the middle.
  const sunX = (number >>> 5) % 2 === 0 ? 16 : 84;
  const sunY = 26 + ((number >>> 11) % 8);
  const fill = (lightness, alpha = 1) => `hsl(${hue} 42% ${lightness}% / ${alpha})`;
  const shift = (number >>> 17) % 10;
  const letter = s("text", { x: 50, y: 62, "text-anchor": "middle", "font-size": 34, "font-weight": 600, fill: "#fff" });
  letter.textContent = firstCharacter(title);
  return s("svg", { viewBox: "0 0 100 100", class: "landscape", "aria-hidden": "true", preserveAspectRatio: "xMidYMid slice" },
    s("rect", { width: 100, height: 100, fill: `hsl(${second} 48% 66%)` }),
    s("circle", { cx: sunX, cy: sunY, r: 8 + ((number >>> 21) % 4), fill: `hsl(${(second + 20) % 360} 80% 88% / 0.75)` }),
    s("path", { d: wave(50, 13, shift), fill: fill(56, 0.7) }),
    s("path", { d: wave(66, 10, -shift), fill: fill(46, 0.8) }),
    s("path", { d: wave(82, 8, shift / 2), fill: fill(36, 0.9) }),
    letter);
}

/** The picture of a product: its photograph if it has one that loads, else the landscape. */
export function productPicture(product) {
  const frame = h("div", { class: "picture" });
  const drawn = () => landscape(product.id, product.title);
  if (typeof product.image_url === "string" && /^(https?:|\/)/.test(product.image_url)) {
    const image = h("img", { src: product.image_url, alt: "", loading: "lazy", referrerpolicy: "no-referrer" });
    image.addEventListener("error", () => image.replaceWith(drawn()));
    frame.append(image);
  } else {
    frame.append(drawn());
  }
  return frame;
}

/** A round portrait with the first character of the name. */
export function portrait(seed, name) {
  const element = h("span", { class: "portrait", "aria-hidden": "true" }, firstCharacter(name || "?"));
  element.style.setProperty("--hue", String(hash(seed) % 360));
  return element;
}
