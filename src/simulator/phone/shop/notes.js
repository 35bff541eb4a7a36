// The notebook: what a page stores by itself. Documents of the collection `notes`, added, listed, changed and
// removed with wx.request; the operator has declared that each person reads and writes their own, and what a note is.

import { h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../texts.js";
import { promised, newKey } from "./client.js";
import { actionButton, failed, loading, notice } from "./view.js";

const COLLECTION = "/v1/collections/notes";
const PAGE_SIZE = 10;
// The server's schema decides; the page only counts along.
const TEXT_LENGTH = 500;

const path = (note) => `${COLLECTION}/documents/${note.id}`;

/** A field for a note's text, and how many characters it has, counted as JSON Schema counts. */
function textField({ id, label, value = "", testid }) {
  const field = h("textarea", { id, rows: "3", placeholder: t("notes_placeholder"), testid, value, ...(label ? { "aria-label": label } : {}) });
  const count = h("span", { class: "note-count", "aria-hidden": "true" });
  const recount = () => {
    const length = [...field.value].length;
    count.textContent = `${length}/${TEXT_LENGTH}`;
    count.toggleAttribute("data-over", length > TEXT_LENGTH);
  };
  field.addEventListener("input", recount);
  recount();
  return { field, count, recount };
}

function composer({ client, wx, say }, added) {
  const { field, count, recount } = textField({ id: "note-text", testid: "note-text" });
  // One intent, one key: tapping again after a lost answer makes no second note.
  let attempt = null;
  const work = async () => {
    const data = { text: field.value };
    if (attempt?.text !== data.text) attempt = { text: data.text, key: newKey() };
    try {
      const note = await client.call("POST", `${COLLECTION}/documents`, { data: { data }, header: { "Idempotency-Key": attempt.key } });
      attempt = null;
      field.value = "";
      recount();
      added(note);
      wx.showToast({ title: t("notes_added") });
    } catch (failure) {
      say(failure);
    }
  };
  return h("section", { class: "block note-form" },
    h("label", { class: "block-title", for: "note-text" }, t("notes_new")),
    field,
    h("div", { class: "note-row" }, count, actionButton({ label: t("notes_add"), busyLabel: t("notes_adding"), testid: "note-add", work })));
}

/** One note, which is read or edited in its place. */
function noteCard(first, context, removed) {
  const { client, wx, isOpen, say } = context;
  const card = h("li", { class: "note", testid: "note-card" });

  function read(note) {
    card.dataset.id = note.id;
    card.dataset.version = String(note.version);
    const remove = actionButton({ label: t("notes_delete"), kind: "quiet danger", testid: "note-delete", work: () => askToRemove(note) });
    card.replaceChildren(
      h("p", { class: "note-text", dir: "auto", testid: "note-shown" }, note.data.text),
      h("div", { class: "note-foot" },
        h("p", { class: "note-when" }, moment(note.updated_at), h("span", { class: "note-version" }, t("notes_version", { n: note.version }))),
        h("div", { class: "note-actions" },
          h("button", { type: "button", class: "quiet", testid: "note-edit", on: { click: () => edit(note) } }, t("notes_edit")),
          remove)));
  }

  function edit(note) {
    const { field, count } = textField({ label: t("notes_edit_label"), value: note.data.text, testid: "note-edited" });
    const save = async () => {
      try {
        const data = { data: { ...note.data, text: field.value } };
        // Only if it is still what was read: nobody's change is lost unseen.
        const changed = await client.call("PUT", path(note), { data, header: { "If-Match": `"${note.version}"` } });
        if (isOpen()) read(changed);
        wx.showToast({ title: t("notes_saved") });
      } catch (failure) {
        say(failure);
        if (failure.code === "version_conflict") await again(note);
        if (failure.code === "document_not_found") gone();
      }
    };
    card.replaceChildren(field,
      h("div", { class: "note-row" },
        count,
        h("div", { class: "note-actions" },
          h("button", { type: "button", class: "quiet", testid: "note-cancel", on: { click: () => read(note) } }, t("cancel")),
          actionButton({ label: t("notes_save"), kind: "quiet", testid: "note-save", work: save }))));
    field.focus();
  }

  async function again(note) {
    try {
      const now = await client.call("GET", path(note));
      if (isOpen()) read(now);
    } catch (failure) {
      say(failure);
    }
  }

  function gone() {
    card.remove();
    removed();
  }

  async function askToRemove(note) {
    const { confirm } = await promised(wx.showModal, { title: t("notes_delete"), content: t("notes_delete_sure") });
    if (!confirm) return;
    try {
      await client.call("DELETE", path(note));
      gone();
      wx.showToast({ title: t("notes_deleted") });
    } catch (failure) {
      say(failure);
      if (failure.code === "document_not_found") gone();
    }
  }

  read(first);
  return card;
}

function signedOut(context) {
  const run = () => context.client.login().then(() => context.isOpen() && context.reload(), context.say);
  return notice({ kind: "login", symbol: "note", title: t("notes_signed_out"), action: { label: t("login"), run } });
}

/** The notebook, newest note first. */
export function openNotes(context) {
  const { client, isOpen } = context;
  if (client.isSignedOut()) return { node: signedOut(context) };
  const list = h("ul", { class: "note-list", testid: "notes" });
  const below = h("div", { class: "below" });

  function showEnd(next) {
    const more = () => h("button", { type: "button", class: "quiet", testid: "more", on: { click: () => load(next) } }, t("more"));
    if (next) below.replaceChildren(more());
    else if (list.childElementCount > 0) below.replaceChildren(h("p", { class: "below-end" }, t("no_more")));
    else below.replaceChildren(notice({ kind: "empty", symbol: "note", title: t("notes_empty"), hint: t("notes_hint") }));
  }

  let next = null;
  const card = (note) => noteCard(note, context, () => showEnd(next));

  async function load(cursor) {
    below.replaceChildren(loading());
    const data = { sort: [["$id", "desc"]], limit: PAGE_SIZE, ...(cursor ? { cursor } : {}) };
    try {
      const page = await client.call("POST", `${COLLECTION}/query`, { data });
      if (!isOpen()) return;
      next = page.next_cursor;
      list.append(...page.items.map(card));
      showEnd(next);
    } catch (failure) {
      if (isOpen()) below.replaceChildren(failed(failure, () => load(cursor)));
    }
  }

  const added = (note) => {
    if (!isOpen()) return;
    list.prepend(card(note));
    showEnd(next);
  };
  load(null);
  return { node: h("div", { class: "fill" }, h("div", { class: "stack" }, composer(context, added)), list, below) };
}
