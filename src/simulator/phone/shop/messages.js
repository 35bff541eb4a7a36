// Messages about orders: the person allows them one by one, the server sends them, WeChat shows them.

import { h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../texts.js";
import { Failure, promised } from "./client.js";
import { actionButton } from "./view.js";

// As WeChat's console gave them to this mini program; the server's settings name the same.
const TEMPLATES = ["demo_order_paid_0000000000000000000000000001", "demo_order_refunded_000000000000000000000002"];

// What WeChat answered goes to the server as it is.
async function ask({ wx, client }) {
  const { errMsg, ...answers } = await promised(wx.requestSubscribeMessage, { tmplIds: TEMPLATES }).catch((failed) => {
    throw new Failure({ errMsg: failed.errMsg });
  });
  return client.call("POST", "/v1/subscriptions", { data: { errMsg, ...answers } });
}

const left = ({ items }) => items.filter(({ template_id: id }) => TEMPLATES.includes(id)).reduce((sum, { remaining }) => sum + remaining, 0);

function card({ title, data, at }) {
  return h("li", { class: "message", testid: "message" },
    h("p", { class: "message-title", dir: "auto" }, title, h("small", {}, moment(at))),
    Object.values(data).map((value) => h("p", { class: "message-value", dir: "auto" }, value)));
}

/** The block of messages on the person's page: how many are allowed, and what WeChat has shown. */
export function messagesBlock(context) {
  const { client, buttons, isOpen } = context;
  const count = h("p", { class: "hint", testid: "messages-left" }, t("messages_hint"));
  const list = h("ul", { class: "messages", testid: "messages" });
  const show = (subscriptions) => {
    if (isOpen()) count.textContent = t("messages_left", { n: left(subscriptions) });
  };

  async function load() {
    try {
      show(await client.call("GET", "/v1/subscriptions"));
      const shown = await buttons.messages();
      if (isOpen()) list.replaceChildren(...shown.reverse().map(card));
    } catch (failure) {
      context.say(failure);
    }
  }

  load();
  const work = () => ask(context).then(show).catch(context.say);
  return h("section", { class: "block messages-block" },
    h("h3", { class: "block-title" }, t("messages_title")),
    count,
    actionButton({ label: t("messages_allow"), kind: "secondary", testid: "allow-messages", work }),
    list);
}
