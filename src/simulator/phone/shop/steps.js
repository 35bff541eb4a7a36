// The steps of the last days: what wx.getWeRunData encrypts, opened by the server.

import { h } from "../dom.js";
import { dayOf, whole } from "../format.js";
import { t } from "../texts.js";
import { Failure, promised } from "./client.js";
import { actionButton } from "./view.js";

const DAYS = 7;

async function readOnce({ wx, client }) {
  const { encryptedData, iv } = await promised(wx.getWeRunData).catch((failed) => {
    throw new Failure({ errMsg: failed.errMsg });
  });
  return client.call("POST", "/v1/open-data", { data: { encryptedData, iv } });
}

// A key that went stale is no fault of the person: log in again, have it encrypted anew, try once more.
async function readSteps(context) {
  try {
    return await readOnce(context);
  } catch (failure) {
    if (failure.code !== "session_key_stale") throw failure;
    await context.client.login();
    return readOnce(context);
  }
}

function chart(days) {
  const most = Math.max(1, ...days.map(({ step }) => step));
  const bar = ({ timestamp, step }) => {
    const fill = h("span", { class: "steps-fill" });
    fill.style.setProperty("--part", String(step / most));
    return h("li", { class: "steps-day", testid: "steps-day" },
      h("span", { class: "steps-count" }, whole(step)), h("span", { class: "steps-bar", "aria-hidden": "true" }, fill), h("span", { class: "steps-name" }, dayOf(timestamp)));
  };
  return h("ol", { class: "steps-chart", testid: "steps-chart" }, days.map(bar));
}

/** The block of the steps on the person's page. */
export function stepsBlock(context) {
  const place = h("div", { class: "steps-place" }, h("p", { class: "hint" }, t("steps_hint")));
  const work = async () => {
    try {
      const { data } = await readSteps(context);
      const days = data.stepInfoList.slice(-DAYS);
      const today = days.at(-1)?.step ?? 0;
      if (context.isOpen()) place.replaceChildren(h("p", { class: "steps-today", testid: "steps-today" }, t("steps_today", { n: whole(today) })), chart(days));
    } catch (failure) {
      context.say(failure);
    }
  };
  return h("section", { class: "block steps" },
    h("h3", { class: "block-title" }, t("steps_title")),
    place,
    actionButton({ label: t("steps_read"), kind: "secondary", testid: "steps-read", work }));
}
