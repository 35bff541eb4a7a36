// What stands beside the phone; on a narrow screen, a drawer over it.

import { createEvents } from "./events.js";
import { createFaults } from "./faults.js";
import { createJournal } from "./journal.js";

const byId = (id) => document.getElementById(id);

function tabs() {
  const buttons = [...document.querySelectorAll("[data-panel-tab]")];
  const choose = (chosen) => {
    document.body.dataset.panel = chosen.dataset.panelTab;
    for (const button of buttons) {
      button.setAttribute("aria-selected", String(button === chosen));
      button.tabIndex = button === chosen ? 0 : -1;
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => choose(button));
    button.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      // On a wide screen the faults have a place of their own and no tab.
      const seen = buttons.filter((one) => one.offsetParent !== null);
      const next = seen[(seen.indexOf(button) + step + seen.length) % seen.length];
      choose(next);
      next.focus();
    });
  }
  choose(buttons[0]);
}

function drawer() {
  const opener = byId("drawer-open");
  const covered = document.querySelectorAll(".top, .phone");
  const narrow = matchMedia("(max-width: 819px)");
  const set = (isOpen) => {
    document.body.dataset.drawer = isOpen ? "open" : "closed";
    opener.setAttribute("aria-expanded", String(isOpen));
    for (const element of covered) element.inert = isOpen;
    (isOpen ? byId("drawer-close") : opener).focus();
  };
  // Beside the phone it is no drawer, and covers nothing.
  narrow.addEventListener("change", () => set(false));
  opener.addEventListener("click", () => set(document.body.dataset.drawer !== "open"));
  byId("drawer-close").addEventListener("click", () => set(false));
  byId("panel").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.dataset.drawer === "open") set(false);
  });
}

/** Builds the panel; answers the journal and how to write everything in the other language. */
export function createPanel() {
  tabs();
  drawer();
  const journal = createJournal(byId("view-requests"), (count) => {
    byId("drawer-count").textContent = String(count);
  });
  const faults = createFaults(byId("view-faults"), (count) => {
    const badge = byId("fault-count");
    badge.textContent = String(count);
    badge.hidden = count === 0;
    document.body.dataset.faults = String(count);
  });
  // A fault may have been used up, or set by a script, whenever something happened.
  const events = createEvents(byId("view-wechat"), () => faults.refresh());
  return {
    journal,
    drawTexts() {
      journal.drawTexts();
      events.drawTexts();
      faults.drawTexts();
    },
  };
}
