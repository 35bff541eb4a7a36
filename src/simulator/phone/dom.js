// Builds elements. Whatever comes from outside enters as a text node or an attribute value;
// nothing on this page ever parses data as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element: `props` are attributes, except `on` (listeners), `data` (dataset) and `testid`. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name === "data") {
      Object.assign(element.dataset, value);
    } else if (name === "testid") {
      element.dataset.testid = value;
    } else if (name === "value") {
      element.value = value;
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An SVG element with its attributes and children. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

const ICONS = {
  back: "M15 5l-7 7 7 7",
  bag: "M6 8h12l1 12H5L6 8zm3 0V7a3 3 0 0 1 6 0v1",
  cart: "M3 4h2.5l2 11h10l2-8H6.5M9.5 19.5h.01M16.5 19.5h.01",
  check: "M5 12.5l4.5 4.5L19 7.5",
  chevron: "M9 5l7 7-7 7",
  clock: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h10v10H9zM15 9V5H5v10h4",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4v-9z",
  key: "M14 10a4 4 0 1 0-3.6 4L12 15.5V18h2.5v2.5H18V17l-4.2-4.2c.1-.9.2-1.8.2-2.8z",
  list: "M6 3h12v18l-3-2-3 2-3-2-3 2V3zM9.5 8h5M9.5 12h5",
  minus: "M6 12h12",
  note: "M5 4h14v11l-5 5H5V4zM14 20v-5h5M8.5 8.5h7M8.5 12h4",
  plus: "M12 6v12M6 12h12",
  refresh: "M19 12a7 7 0 1 1-2.2-5.1M19 3.5v4h-4",
  shop: "M4 10l1.5-6h13L20 10M4 10a2.7 2.7 0 0 0 5.3 0 2.7 2.7 0 0 0 5.4 0 2.7 2.7 0 0 0 5.3 0M5.5 12.5V20h13v-7.5",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6",
  warning: "M12 4L2.5 20h19L12 4zm0 6v5m0 2.5h.01",
};

/** A line icon; decoration only, so hidden from assistive technology. */
export function icon(name) {
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: ICONS[name] }));
}
