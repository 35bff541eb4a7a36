// Buttons that belong to the phone and not to the page: a tap asks the person first, and what the page gets is an
// event. Source of the shapes: the mini-program component reference (button, open-type).

import * as control from "../control.js";
import { t } from "../texts.js";

// Enough to know one's own number by.
function shown({ pure_phone_number: pure, country_code: country }) {
  const tail = pure.slice(-4);
  return country === "86" ? `${pure.slice(0, 3)}****${tail}` : `+${country} ****${tail}`;
}

async function askForPhoneNumber(phone) {
  const { user } = phone;
  const { confirm } = await phone.modal({
    title: t("phone_ask"),
    content: shown(user.phone_number),
    confirmText: t("phone_allow"),
  });
  if (!confirm) return { errMsg: "getPhoneNumber:fail user deny" };
  const [code, sealed] = await Promise.all([control.phoneCode(user.user_id), control.openData(user.user_id, "phone")]);
  return { errMsg: "getPhoneNumber:ok", code, ...sealed };
}

/** The phone's buttons: `phoneNumber(handler)` is the tap on `<button open-type="getPhoneNumber">`, handler `bindgetphonenumber`. */
export function createButtons(phone) {
  return {
    /** What WeChat shows outside the mini program: the subscribe messages that came. */
    messages: () => control.messages(phone.user.user_id),
    async phoneNumber(handler) {
      const entry = phone.log.begin({ kind: "wx", method: "wx", path: "getPhoneNumber" });
      const detail = await askForPhoneNumber(phone).catch((error) => ({ errMsg: `getPhoneNumber:fail ${error.message}` }));
      entry.end({ outcome: detail.code ? "ok" : "fail", response: detail });
      await handler({ type: "getphonenumber", detail });
    },
  };
}
