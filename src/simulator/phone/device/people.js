// Whose phone is in hand: several people can shop side by side, each with a phone of their own.

import { portrait } from "../art.js";
import * as control from "../control.js";
import { h, icon } from "../dom.js";
import { t } from "../texts.js";

const KEY = "weir.phone.person";

function freshName(people) {
  const taken = new Set(people.map((person) => person.nickname));
  const names = t("nicknames").split(",");
  return names.find((name) => !taken.has(name)) ?? `${names[people.length % names.length]} ${people.length + 1}`;
}

/** The picker; `picked` gets the person whose phone is wanted. */
export function createPeople(button, menu, picked) {
  let people = [];
  let current = null;

  function setOpen(isOpen) {
    menu.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) menu.querySelector("button")?.focus();
  }

  function pick(person) {
    current = person;
    localStorage.setItem(KEY, person.user_id);
    document.body.dataset.user = person.user_id;
    draw();
    picked(person);
  }

  async function add() {
    people = await control.users();
    const person = await control.newUser(freshName(people));
    people = [...people, person];
    pick(person);
  }

  function draw() {
    if (current === null) return;
    button.setAttribute("aria-label", `${t("user_menu")}: ${current.nickname}`);
    button.replaceChildren(portrait(current.user_id, current.nickname), h("span", { class: "who-name", dir: "auto" }, current.nickname), icon("chevron"));
    const entry = (person) =>
      h("button", { type: "button", class: "who-entry", testid: "user", "aria-current": person === current ? "true" : null, data: { id: person.user_id }, on: { click: () => { setOpen(false); if (person !== current) pick(person); } } },
        portrait(person.user_id, person.nickname),
        h("span", { class: "who-name", dir: "auto" }, person.nickname),
        person === current ? h("small", {}, t("user_current")) : null);
    menu.replaceChildren(
      ...people.map(entry),
      h("button", { type: "button", class: "who-entry who-new", testid: "user-new", on: { click: () => { setOpen(false); add(); } } }, icon("plus"), t("user_new")));
  }

  button.addEventListener("click", async () => {
    if (!menu.hidden) return setOpen(false);
    people = await control.users();
    current = people.find((person) => person.user_id === current.user_id) ?? current;
    draw();
    setOpen(true);
  });
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target) && !button.contains(event.target)) setOpen(false);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    setOpen(false);
    button.focus();
  });

  return {
    draw,
    /** Takes up the phone that was in hand last time, else the first, else a new one. */
    async start() {
      people = await control.users();
      const last = people.find((person) => person.user_id === localStorage.getItem(KEY));
      const person = last ?? people[0];
      if (person) pick(person);
      else await add();
    },
  };
}
