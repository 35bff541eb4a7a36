// A question that has to be answered before anything happens.

import { h } from "./dom.js";
import { t } from "./texts.js";

/** Whether the operator says yes. `lines` are sentences; `yes` names the act itself. */
export function confirmed({ title, lines, yes, isDangerous = true }) {
  return new Promise((resolve) => {
    let isYes = false;
    const close = (answer) => () => {
      isYes = answer;
      dialog.close();
    };
    const heading = h("h2", { id: "dialog-title" }, title);
    const no = h("button", { type: "button", testid: "dialog-no", on: { click: close(false) } }, t("cancel"));
    const go = h("button", { type: "button", class: isDangerous ? "danger" : "primary", testid: "dialog-yes", on: { click: close(true) } }, yes);
    const dialog = h("dialog", { "aria-labelledby": "dialog-title", testid: "dialog", on: {
      close: () => {
        dialog.remove();
        resolve(isYes);
      },
    } }, heading, ...lines.map((line) => h("p", {}, line)), h("div", { class: "actions" }, no, go));
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
