// The fault switches: each stands for one entry of the simulator's list of faults.

import * as control from "../control.js";
import { h, icon } from "../dom.js";
import { t } from "../texts.js";

const LATE_MS = 8000;
const DELAY_MS = 3000;

const GROUPS = [
  { name: "notification", switches: [
    { name: "notification_lost", fault: { kind: "notification_lost" } },
    { name: "notification_late", fault: { kind: "notification_late", ms: LATE_MS } },
    { name: "notification_doubled", fault: { kind: "notification_doubled" } },
    { name: "notification_reordered", fault: { kind: "notification_reordered" } },
    { name: "notification_stale", fault: { kind: "notification_stale" } },
    { name: "notification_future", fault: { kind: "notification_future" } },
    { name: "probe_signature", fault: { kind: "probe_signature", api: "notification" } },
  ] },
  { name: "pay", switches: [
    { name: "prepay_delay", fault: { kind: "delay", api: "prepay", ms: DELAY_MS } },
    { name: "prepay_no_answer", fault: { kind: "no_answer_after_accepting", api: "prepay", times: 1 } },
    { name: "wrong_answer_signature", fault: { kind: "wrong_answer_signature" } },
    { name: "server_error", fault: { kind: "server_error" } },
  ] },
  { name: "refund", switches: [
    { name: "refund_not_enough", fault: { kind: "pay_error", api: "refund", status: 403, code: "NOT_ENOUGH", times: 1 } },
    { name: "refund_no_answer", fault: { kind: "no_answer_after_accepting", api: "refund", times: 1 } },
    { name: "refund_abnormal", fault: { kind: "refund_abnormal", times: 1 } },
    { name: "refund_closed", fault: { kind: "refund_closed", times: 1 } },
  ] },
  { name: "login", switches: [
    { name: "login_busy", fault: { kind: "errcode", api: "login", errcode: -1, times: 1 } },
    { name: "login_code", fault: { kind: "errcode", api: "login", errcode: 40029, times: 1 } },
    { name: "login_often", fault: { kind: "errcode", api: "login", errcode: 45011, times: 1 } },
  ] },
];

const SWITCHES = GROUPS.flatMap((group) => group.switches);

const isSame = (one, other) =>
  one.kind === other.kind && (one.api ?? null) === (other.api ?? null) && (one.errcode ?? null) === (other.errcode ?? null);

// What is in force, as it is to be set again: without the calls it has struck already, or let pass.
function remaining({ applied, seen, ...fault }) {
  if (fault.times !== undefined) fault.times -= applied;
  if (fault.after !== undefined) fault.after = Math.max(0, fault.after - seen);
  return fault;
}

function switchRow({ name }, flip) {
  const label = h("span", { class: "switch-label" });
  const hint = h("span", { class: "switch-hint" });
  const left = h("span", { class: "switch-left" });
  const button = h("button", { type: "button", class: "switch", role: "switch", "aria-checked": "false", testid: `fault-${name}` },
    h("span", { class: "switch-text" }, h("span", { class: "switch-top" }, label, left), hint),
    h("span", { class: "switch-knob", "aria-hidden": "true" }));
  button.addEventListener("click", flip);
  return { button, label, hint, left };
}

/** The view of switches; `counted` hears how many faults are in force. */
export function createFaults(view, counted) {
  let active = { faults: [], random: null };
  const rows = new Map();
  const title = h("h2", {});
  const clear = h("button", { type: "button", class: "text-button", testid: "faults-clear" });
  const trouble = h("p", { class: "view-trouble", role: "alert" });
  const other = h("p", { class: "view-note" });
  const rotate = h("button", { type: "button", class: "key-button", testid: "fault-rotate" });
  const heads = new Map();

  function draw() {
    title.textContent = t("faults_title");
    clear.textContent = t("faults_clear");
    trouble.textContent = t("faults_failed");
    for (const [name, head] of heads) head.textContent = t(`fault_group_${name}`);
    for (const [name, row] of rows) {
      row.label.textContent = t(`fault_${name}`);
      row.hint.textContent = t(`fault_${name}_hint`);
    }
    drawKeys(false);
    drawActive();
  }

  function drawKeys(isDone) {
    rotate.dataset.done = String(isDone);
    rotate.replaceChildren(icon(isDone ? "check" : "key"),
      h("span", { class: "switch-text" },
        h("span", { class: "switch-label" }, t(isDone ? "fault_rotated" : "fault_rotate")),
        h("span", { class: "switch-hint" }, t("fault_rotate_hint"))));
  }

  function drawActive() {
    for (const item of SWITCHES) {
      const row = rows.get(item.name);
      const found = active.faults.find((fault) => isSame(fault, item.fault));
      row.button.setAttribute("aria-checked", String(found !== undefined));
      const times = found ? remaining(found).times : undefined;
      row.left.textContent = times ? t("faults_left", { n: times }) : "";
    }
    const foreign = active.faults.filter((fault) => !SWITCHES.some((item) => isSame(fault, item.fault))).length + (active.random ? 1 : 0);
    other.hidden = foreign === 0;
    other.textContent = t("faults_other", { n: foreign });
    const count = active.faults.length + (active.random ? 1 : 0);
    clear.disabled = count === 0;
    counted(count);
  }

  // Every change goes through here: what the simulator says is what the switches show.
  async function ask(work) {
    try {
      await work();
      active = await control.faults();
      trouble.hidden = true;
    } catch {
      trouble.hidden = false;
    }
    drawActive();
  }

  const flip = ({ fault }) => ask(async () => {
    const now = await control.faults();
    const others = now.faults.filter((one) => !isSame(one, fault)).map(remaining);
    const isOn = others.length < now.faults.length;
    await control.setFaults({ faults: isOn ? others : [...others, fault], ...(now.random ? { random: now.random } : {}) });
  });

  function group({ name, switches }) {
    const head = h("h3", { id: `group-${name}` });
    heads.set(name, head);
    for (const item of switches) rows.set(item.name, switchRow(item, () => flip(item)));
    return h("div", { class: "switch-group", role: "group", "aria-labelledby": head.id }, head, switches.map((item) => rows.get(item.name).button));
  }

  clear.addEventListener("click", () => ask(() => control.clearFaults()));
  rotate.addEventListener("click", () => ask(async () => {
    await control.rotateKeys();
    drawKeys(true);
  }));
  trouble.hidden = true;
  const keys = h("h3", {});
  heads.set("keys", keys);
  view.replaceChildren(h("div", { class: "view-head" }, title, clear), trouble, other, ...GROUPS.map(group), h("div", { class: "switch-group" }, keys, rotate));
  draw();
  ask(async () => {});

  return { drawTexts: draw, refresh: () => ask(async () => {}) };
}
