// Puts the page together: people, the phone in hand with its mini program, and the panel beside it.

import { createButtons } from "./device/button.js";
import { createPeople } from "./device/people.js";
import { createRoute, readRoute } from "./device/route.js";
import { dismissLayer, modalOpener, toaster } from "./device/sheet.js";
import { createWx } from "./device/wx.js";
import { h } from "./dom.js";
import { createPanel } from "./panel/panel.js";
import { openMiniProgram } from "./shop/shop.js";
import { fillTexts, onLanguage, switchLanguage, t } from "./texts.js";

const byId = (id) => document.getElementById(id);
const CLOCK_MS = 5000;

const mini = byId("mini");
const overlay = byId("overlay");
const toast = toaster(byId("toast-place"));
const modal = modalOpener(overlay);
const panel = createPanel();
let opened = null;

const route = createRoute(() => {
  dismissLayer(overlay);
  opened?.program.render();
  mini.querySelector(".nav-title")?.focus({ preventScroll: true });
});

// A phone that was put away still finishes what it began, but has no screen to show it on.
function takeUp(user) {
  dismissLayer(overlay);
  opened?.program.close();
  const isInHand = () => opened?.user === user;
  const phone = {
    user,
    overlay,
    isInHand,
    log: { begin: (call) => panel.journal.begin(call, user) },
    toast: (option) => isInHand() && toast(option),
    modal,
    route,
  };
  opened = { user, program: null };
  opened.program = openMiniProgram({ root: mini, wx: createWx(phone), buttons: createButtons(phone), readRoute });
}

function showClock() {
  byId("clock").textContent = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(new Date());
}

function writeTexts() {
  fillTexts(document);
  byId("language").textContent = t("language_switch");
  byId("language").setAttribute("aria-label", t("language_label"));
}

const people = createPeople(byId("who-button"), byId("who-menu"), (user) => {
  if (opened !== null) history.replaceState(null, "", "#/pages/shop");
  takeUp(user);
});

byId("language").addEventListener("click", switchLanguage);
onLanguage(() => {
  dismissLayer(overlay);
  writeTexts();
  panel.drawTexts();
  people.draw();
  opened?.program.render();
});

writeTexts();
showClock();
setInterval(showClock, CLOCK_MS);
people.start().catch((error) => {
  mini.replaceChildren(h("p", { class: "start-failed", role: "alert", testid: "start-failed" }, t("starting_failed"), h("small", {}, error.message)));
});
