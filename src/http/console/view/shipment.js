// Saying that goods were sent, and what was said of it.

import { ask } from "../api.js";
import { h, randomWord } from "../dom.js";
import { badge, button, facts, field, figures, form, more, section, select, time, toast } from "../part.js";
import { t } from "../texts.js";

const KINDS = ["express", "local", "virtual", "pickup"];
const PARCELS_MAX = 15;

function parcelFields() {
  const input = (name, more_ = {}) => h("input", { name, autocomplete: "off", spellcheck: "false", ...more_ });
  return h("fieldset", { class: "fields", testid: "parcel" },
    h("legend", {}, t("parcel")),
    field(t("tracking_no"), input("tracking_no", { testid: "tracking-no" })),
    field(t("carrier"), input("carrier", { testid: "carrier" }), t("carrier_hint")),
    field(t("parcel_description"), input("description", { maxlength: "120" })),
    field(t("receiver_contact"), input("receiver_contact"), t("receiver_contact_hint")));
}

// Of each parcel, what was filled in.
function parcelsOf(place) {
  const parcels = [...place.querySelectorAll("fieldset")].map((part) =>
    Object.fromEntries([...part.querySelectorAll("input")].map((input) => [input.name, input.value.trim()]).filter(([, value]) => value !== "")));
  return parcels.filter((parcel) => Object.keys(parcel).length > 0);
}

/** The form of a shipment; `done` is told when it was taken. */
export function shipmentForm(order, done) {
  const key = randomWord();
  const place = h("div", {}, parcelFields());
  const another = button(t("parcel_more"), () => {
    if (place.children.length < PARCELS_MAX) place.append(parcelFields());
  }, { kind: "small" });
  const act = async (data) => {
    const parcels = parcelsOf(place);
    const body = { kind: data.get("kind"), is_complete: data.has("is_complete") };
    if (parcels.length > 0) body.parcels = parcels;
    await ask("POST", `orders/${order.id}/shipment`, { body, key });
    toast(t("shipment_taken"));
    await done();
  };
  return h("section", { class: "card" }, h("h2", {}, t("shipment_open")), h("p", {}, t("shipment_words")),
    form({ testid: "shipment", submit: t("shipment_yes") }, act,
      field(t("shipment_kind"), select("kind", "express", KINDS.map((kind) => [kind, t(`ship_${kind}`)]), "shipment-kind")),
      place, another,
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "is_complete", checked: true }), h("span", {}, t("shipment_complete")))));
}

/** What is known of the shipment of an order. */
export function shipmentPart(shipment) {
  if (shipment === null) return section(t("shipment"), h("p", { class: "empty" }, t("shipment_none")));
  const call = (one) => h("div", { class: "card", testid: "shipment-said" }, facts([
    [t("status"), h("span", {}, badge(one.status), one.failure_code && ` ${one.failure_code}`)],
    [t("made_at"), time(one.created_at)],
    [t("ended_at"), time(one.ended_at)],
  ]), ...one.parcels.map(figures));
  return section(t("shipment"), facts([
    [t("status"), badge(shipment.status, "shipment-status")],
    [t("shipment_kind"), t(`ship_${shipment.kind}`)],
    [t("shipment_complete"), t(shipment.is_complete ? "yes" : "no")],
  ]), more(t("shipment_calls"), ...shipment.calls.map(call)));
}
