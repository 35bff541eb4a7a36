// The phone number: shown in part as the server shows it, given by the phone's own button.

import { h } from "../dom.js";
import { t } from "../texts.js";
import { actionButton } from "./view.js";

/** The block of the phone number; `saved` gets the user once the number is kept. */
export function phoneNumberBlock(user, context, saved) {
  const { wx, client, buttons } = context;
  // The handler of `bindgetphonenumber`. No wx.login in here: it could replace the key of what the event holds.
  const give = async ({ detail }) => {
    if (!detail.code) return;
    await client.call("POST", "/v1/phone-number", { data: { code: detail.code } });
    saved(await client.call("GET", "/v1/me"));
    wx.showToast({ title: t("phone_kept") });
  };
  const work = () => buttons.phoneNumber(give).catch(context.say);
  return h("section", { class: "block phone-number" },
    h("div", { class: "phone-number-text" },
      h("h3", { class: "block-title" }, t("me_phone")),
      h("p", { class: user.phone_number ? "phone-number-shown" : "hint", dir: "ltr", testid: "me-phone" }, user.phone_number ?? t("phone_none"))),
    actionButton({ label: t(user.phone_number ? "phone_change" : "phone_give"), kind: "secondary", testid: "give-phone", work }));
}
