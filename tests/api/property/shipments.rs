//! What the operator says was sent, and what WeChat knows of it in the end.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::Order;
use super::news::News;
use super::step::Goods;
use super::story::Story;
use crate::harness::parcels;

type ShipmentRow = (i32, String, Value, bool);

impl Story<'_> {
    pub(super) async fn ship(&mut self, index: usize, goods: Goods, replica: usize) -> News {
        let key = self.new_key();
        let order = &self.model.orders[index];
        let body = match goods {
            Goods::Parcel => parcels(&[&key], true),
            Goods::Part => parcels(&[&key], false),
            Goods::Virtual => json!({"kind": "virtual", "parcels": [{"description": key}]}),
        };
        let (taken, used) = ((202, ""), (409, "shipment_correction_used"));
        let allowed = match order.status() {
            "paid" | "partially_refunded" if order.shipments == 0 => vec![taken],
            "paid" | "partially_refunded" => vec![taken, used],
            _ => vec![(409, "order_state_conflict")],
        };
        let id = order.id.clone();
        let answer = self.shop.try_ship_at(replica, &id, Some(&key), &body).await;
        match self.judge(&answer, &allowed).await.as_str() {
            "" => {
                let order = &mut self.model.orders[index];
                order.shipments += 1;
                order.is_shipped |= !matches!(goods, Goods::Part);
                let said = answer.ok(202);
                self.tally.note(if said["is_correction"] == true {
                    "shipment corrected"
                } else {
                    "shipment said"
                });
            }
            "shipment_correction_used" => self.tally.note("second correction refused"),
            _ => {}
        }
        News::default()
    }

    /// Those that WeChat is still to be told of.
    pub(super) async fn untold_shipments(&self) -> Vec<String> {
        let ids: Vec<String> = self.model.orders.iter().map(|order| order.id.clone()).collect();
        let sql =
            "select id::text from shipments where order_id = any($1::text[]::uuid[]) and status = 'created'";
        sqlx::query_scalar(sql)
            .bind(ids)
            .fetch_all(&self.shop.db)
            .await
            .unwrap()
    }

    /// WeChat knows exactly what we say that it knows.
    pub(super) async fn assert_shipped(&self, order: &Order) {
        if order.shipments == 0 {
            return;
        }
        let sql = "select generation, status, parcels, may_have_arrived from shipments where order_id = $1::uuid order by position";
        let rows: Vec<ShipmentRow> = sqlx::query_as(sql)
            .bind(&order.id)
            .fetch_all(&self.shop.db)
            .await
            .unwrap();
        let is_doubtful = |row: &&ShipmentRow| row.1 == "needless" || (row.1 == "replaced" && row.3);
        if rows.iter().any(|row| is_doubtful(&row)) {
            self.tally.note("shipment in doubt for good");
            return;
        }
        let uploaded = || rows.iter().filter(|row| row.1 == "uploaded");
        let newest = uploaded().next_back().map(|row| row.0);
        let names = |parcels: &Value, number: &str, words: &str| -> BTreeSet<String> {
            let parcels = parcels.as_array().unwrap().iter();
            parcels
                .map(|parcel| {
                    format!(
                        "{} {}",
                        parcel[number].as_str().unwrap_or_default(),
                        parcel[words].as_str().unwrap()
                    )
                })
                .collect()
        };
        let said: BTreeSet<String> = uploaded()
            .filter(|row| Some(row.0) == newest)
            .flat_map(|row| names(&row.2, "tracking_no", "description"))
            .collect();
        let number = &order.wanted().expect("what was sent was paid").number;
        let path = format!("/simulator/shipments?out_trade_no={number}");
        let held = self.shop.list(&path).await.pop().unwrap();
        assert_eq!(
            names(&held["parcels"], "tracking_no", "item_desc"),
            said,
            "{rows:?}"
        );
        self.tally.note(if newest.is_some() {
            "shipment known to WeChat"
        } else {
            "shipment refused"
        });
    }
}
