//! What no request can bring about: a thousand rows in a moment, and a database that does not take one.

use super::Shop;

impl Shop {
    /// Copies of the only order that there is, without payments; each expires so many minutes after it.
    pub(crate) async fn plant_orders(&self, copies: i64, minutes_later: i32) {
        for sql in [
            "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at,
                updated_at, expires_at)
            select gen_random_uuid(), user_id, app_id, openid, status, 100, currency, description, created_at,
                updated_at, expires_at + make_interval(mins => $2) from orders, generate_series(1, $1) n",
            "insert into order_items (order_id, position, product_id, title, unit_price_fen, quantity, is_stocked)
            select id, 0, 'tea', 'Tea', 100, 1, false from orders o
            where not exists (select from order_items i where i.order_id = o.id) and $1 > 0 and $2 >= 0",
            "insert into idempotency_keys (user_id, key, request_hash, order_id, created_at)
            select user_id, id::text, '', id, created_at from orders o
            where not exists (select from idempotency_keys k where k.order_id = o.id) and $1 > 0 and $2 >= 0",
        ] {
            let planted = sqlx::query(sql).bind(copies).bind(minutes_later);
            let rows = planted.execute(&self.db).await.unwrap().rows_affected();
            assert_eq!(i64::try_from(rows), Ok(copies), "{sql}");
        }
    }

    /// From now on the database does not take what fires the trigger: everything behind its name.
    pub(crate) async fn refuse_writes(&self, trigger: &'static str) {
        for sql in [
            "create function fail() returns trigger language plpgsql as
                $$ begin raise exception 'no space left' using errcode = 'disk_full'; end $$",
            trigger,
        ] {
            sqlx::query(sql).execute(&self.db).await.unwrap();
        }
    }
}
