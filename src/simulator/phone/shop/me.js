// The person: who the server thinks this is, the nickname, and the ways out.

import { portrait } from "../art.js";
import { h, icon } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../texts.js";
import { promised } from "./client.js";
import { messagesBlock } from "./messages.js";
import { phoneNumberBlock } from "./phone_number.js";
import { stepsBlock } from "./steps.js";
import { actionButton, failed, loading } from "./view.js";

const NICKNAME_LENGTH = 32;

function loginPage(context) {
  const { client, wx, isOpen, reload } = context;
  const work = async () => {
    try {
      const { is_new_user: isNew } = await client.login();
      wx.showToast({ title: t(isNew ? "me_welcome" : "logged_in") });
      if (isOpen()) reload();
    } catch (failure) {
      context.say(failure);
    }
  };
  return h("div", { class: "welcome", testid: "signed-out" },
    h("span", { class: "notice-symbol" }, icon("user")),
    h("p", { class: "notice-title" }, t("me_signed_out")),
    h("p", { class: "notice-hint" }, t("me_signed_out_hint")),
    actionButton({ label: t("login"), busyLabel: t("logging_in"), testid: "login", work }));
}

function nicknameForm(user, context, saved) {
  const { client, wx } = context;
  const field = h("input", { id: "nickname", type: "text", maxlength: NICKNAME_LENGTH, autocomplete: "off", placeholder: t("me_no_nickname"), value: user.nickname ?? "", testid: "nickname" });
  const save = async () => {
    try {
      saved(await client.call("PUT", "/v1/me", { data: { nickname: field.value.trim() } }));
      wx.showToast({ title: t("me_saved") });
    } catch (failure) {
      context.say(failure);
    }
  };
  const button = actionButton({ label: t("me_save"), kind: "secondary", testid: "save-nickname", work: save });
  const form = h("form", { class: "nickname-form" }, h("label", { for: "nickname" }, t("me_nickname")), field, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.click();
  });
  return form;
}

function row(label, value, testid) {
  return h("div", { class: "fact" }, h("dt", {}, label), h("dd", { testid }, value));
}

function head(user) {
  return h("section", { class: "me-head" },
    portrait(user.id, user.nickname || "·"),
    h("div", { class: "me-name" },
      h("p", { class: "me-nickname", dir: "auto", testid: "me-nickname" }, user.nickname || t("me_no_nickname")),
      h("p", { class: "me-since" }, `${t("me_since")} ${moment(user.created_at)}`)));
}

/** The page of the person. */
export function openMe(context) {
  const { wx, client, isOpen, reload } = context;
  if (client.isSignedOut()) return { node: loginPage(context) };
  const node = h("div", { class: "fill" }, loading());

  const leaveBy = (out) => async () => {
    try {
      await out();
      wx.showToast({ title: t("logged_out") });
      if (isOpen()) reload();
    } catch (failure) {
      context.say(failure);
    }
  };
  const everywhere = async () => {
    const { confirm } = await promised(wx.showModal, { title: t("logout_everywhere"), content: t("logout_everywhere_sure") });
    if (confirm) await leaveBy(client.logoutEverywhere)();
  };

  const messages = messagesBlock(context);
  const steps = stepsBlock(context);

  function show(user) {
    const changed = (now) => isOpen() && show(now);
    node.replaceChildren(h("div", { class: "stack" },
      head(user),
      h("section", { class: "block" }, nicknameForm(user, context, changed)),
      phoneNumberBlock(user, context, changed),
      messages,
      steps,
      h("section", { class: "block" },
        h("dl", { class: "facts" }, row(t("me_id"), user.id, "me-id"))),
      h("section", { class: "block cells" },
        h("button", { type: "button", class: "cell", on: { click: () => wx.switchTab({ url: "/pages/orders" }) } }, t("me_orders"), icon("chevron"))),
      h("section", { class: "me-out" },
        actionButton({ label: t("logout"), kind: "secondary", testid: "logout", work: leaveBy(client.logout) }),
        actionButton({ label: t("logout_everywhere"), kind: "secondary danger", testid: "logout-everywhere", work: everywhere }))));
  }

  async function load() {
    try {
      const user = await client.call("GET", "/v1/me");
      if (isOpen()) show(user);
    } catch (failure) {
      if (isOpen()) node.replaceChildren(failed(failure, load));
    }
  }

  load();
  return { node };
}
