//! The reader of bills: the same rows however the bytes are cut, and never a panic.

use proptest::prelude::*;
use weir::wechat::pay::bill::{BillError, Flow, FlowRow, Kind, Sheet, Trade, TradeRow};

const TRADE: &str = "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,\
货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,\
手续费,费率,订单金额,申请退款金额,费率备注\r\n\
`2026-01-01 00:00:00,`wx1,`1900000001,`0,`,`4200000001,`ABCDEF1,`oAlice,`JSAPI,`SUCCESS,`OTHERS,`CNY,`19.90,`0.00,`0,`0,`0.00,`0.00,`,`,\
`Tea, \"green\",`and, more,`0.12000,`0.60%,`19.90,`0.00,`\r\n\
`2026-01-01 23:59:59,`wx1,`1900000001,`0,`,`4200000001,`ABCDEF1,`oAlice,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`5000000001,`R1,`9.95,`0.00,\
`ORIGINAL,`SUCCESS,`a name that holds ,`,` twice,`,`-0.06000,`0.60%,`0.00,`9.95,`\r\n\
总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
`2,`19.90,`9.95,`0.00,`0.06000,`19.90,`9.95\r\n";

const FLOW: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,备注,业务凭证号\n\
`2026-01-01 08:00:05,`4200000001,`1,`交易,`交易,`收入,`19.90,`19.90,`system,`,`ABCDEF1\n\
`2026-01-01 08:00:05,`4200000001,`2,`扣除交易手续费,`扣除交易手续费,`支出,`0.12,`19.78,`system,`a ,` b,`ABCDEF1\n\
`2026-01-01 09:00:00,`,`3,`提现,`提现,`支出,`10.00,`9.78,`1900000001,`,`\n\
资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`3,`1,`19.90,`2,`10.12";

fn read<K: Kind>(text: &[u8], cuts: &[usize]) -> Result<Vec<K::Row>, BillError> {
    let (mut sheet, mut rows, mut from) = (Sheet::<K>::default(), Vec::new(), 0);
    for cut in cuts {
        let to = (*cut).clamp(from, text.len());
        sheet.push(&text[from..to], &mut rows)?;
        from = to;
    }
    sheet.push(&text[from..], &mut rows)?;
    assert_eq!(sheet.finish(&mut rows)?, u64::try_from(rows.len()).unwrap());
    Ok(rows)
}

fn trade(text: &str) -> Result<Vec<TradeRow>, BillError> {
    read::<Trade>(text.as_bytes(), &[])
}

fn flow(text: &str) -> Result<Vec<FlowRow>, BillError> {
    read::<Flow>(text.as_bytes(), &[])
}

#[test]
fn a_trade_bill_is_read_by_the_names_of_its_columns() {
    let rows = trade(TRADE).unwrap();
    assert_eq!(rows.len(), 2);
    let (paid, back) = (&rows[0], &rows[1]);
    assert_eq!(paid.at.to_rfc3339(), "2025-12-31T16:00:00+00:00");
    assert_eq!(
        (paid.line, paid.state.as_str(), paid.order_fen),
        (2, "SUCCESS", 1_990)
    );
    assert_eq!((paid.fee_thousandths, paid.refund.is_none()), (12_000, true));
    assert_eq!((back.order_fen, back.fee_thousandths), (0, -6_000));
    let refund = back.refund.as_ref().unwrap();
    assert_eq!((refund.out_refund_no.as_str(), refund.requested_fen), ("R1", 995));
    assert_eq!(
        (refund.refund_id.as_str(), refund.state.as_str()),
        ("5000000001", "SUCCESS")
    );
    // Other columns in another order make no difference.
    let lines: Vec<String> = TRADE
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .map(|(at, line)| match at {
            0 => format!("新的列,{line}"),
            1 | 2 => format!("`something,{line}"),
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(trade(&lines.join("\n")).unwrap(), rows);
}

#[test]
fn the_refund_of_a_row_counts_whatever_the_row_is_called() {
    let revoked = TRADE.replacen("`REFUND,", "`REVOKED,", 1);
    let rows = trade(&revoked).unwrap();
    assert_eq!((rows[1].state.as_str(), &rows[1].refund), ("REVOKED", &None));
    // And where it has none, there may stand nothing at all.
    let empty = TRADE
        .replacen("`0,`0,`0.00,`0.00,`,`,", "`,`,`,`,`,`,", 1)
        .replacen("`19.90,`0.00,`\r\n`2026", "`19.90,`,`\r\n`2026", 1);
    assert_ne!(empty, TRADE);
    assert_eq!(trade(&empty).unwrap(), trade(TRADE).unwrap());
    let wrong = revoked.replacen("`0.06000,`19.90,`9.95", "`0.06000,`19.90,`0.00", 1);
    assert_eq!(trade(&wrong).unwrap_err().as_str(), "bill_summary_wrong");
}

#[test]
fn a_fund_flow_bill_tells_what_came_in_and_went_out() {
    let rows = flow(FLOW).unwrap();
    let net: Vec<i64> = rows.iter().map(|row| row.net_fen).collect();
    assert_eq!(net, [1_990, -12, -1_000]);
    assert_eq!(rows[1].number.as_deref(), Some("4200000001"));
    assert_eq!(rows[2].number, None);
}

#[test]
fn what_is_wrong_has_a_name() {
    for (from, to, expected) in [
        (
            "申请退款金额,费率备注",
            "费率备注,费率备注",
            "bill_column_missing",
        ),
        (",订单总金额,", ",别的,", "bill_column_missing"),
        ("`2,`19.90,`9.95", "`3,`19.90,`9.95", "bill_summary_wrong"),
        ("`2,`19.90,`9.95", "`2,`19.91,`9.95", "bill_summary_wrong"),
        (
            "`0.06000,`19.90,`9.95",
            "`0.06000,`19.90,`9.94",
            "bill_summary_wrong",
        ),
        (
            "`19.90,`0.00,`\r\n`2026",
            "`19.9x,`0.00,`\r\n`2026",
            "bill_malformed",
        ),
        ("`2026-01-01 23:59:59", "`2026-01-01 24:59:59", "bill_malformed"),
        ("`2026-01-01 23:59:59", "`-9999-01-01 23:59:59", "bill_malformed"),
        ("`4200000001,`ABCDEF1", "`42\u{0}1,`ABCDEF1", "bill_malformed"),
        ("`wx1,`1900000001,`0,`", "`wx1,1900000001,`0,`", "bill_malformed"),
        (
            "`2,`19.90,`9.95,`0.00",
            "`2,`19.90,`9.95,`0.00,`more",
            "bill_malformed",
        ),
    ] {
        assert!(TRADE.contains(from), "{from}");
        let changed = TRADE.replacen(from, to, 1);
        let error = trade(&changed).expect_err(from);
        assert_eq!(error.as_str(), expected, "{from}");
    }
    let summary = TRADE.find("总交易单数").unwrap();
    assert_eq!(trade(&TRADE[..summary]).unwrap_err().as_str(), "bill_truncated");
    assert_eq!(trade("").unwrap_err().as_str(), "bill_truncated");
    assert_eq!(trade(&TRADE.repeat(2)).unwrap_err().as_str(), "bill_malformed");
    let endless = "x".repeat(70_000);
    assert_eq!(trade(&endless).unwrap_err().as_str(), "bill_too_long");
    assert_eq!(
        flow(&FLOW.replace("收入,`19.90", "收人,`19.90"))
            .unwrap_err()
            .as_str(),
        "bill_malformed"
    );
    assert_eq!(
        flow(&FLOW.replace("`2,`10.12", "`2,`10.13"))
            .unwrap_err()
            .as_str(),
        "bill_summary_wrong"
    );
    assert_eq!(
        read::<Trade>(b"\xff\n", &[]).unwrap_err().as_str(),
        "bill_malformed"
    );
}

proptest! {
    #[test]
    fn how_the_bytes_are_cut_makes_no_difference(mut cuts in prop::collection::vec(0_usize..2_000, 0..40)) {
        cuts.sort_unstable();
        prop_assert_eq!(read::<Trade>(TRADE.as_bytes(), &cuts).unwrap(), trade(TRADE).unwrap());
        prop_assert_eq!(read::<Flow>(FLOW.as_bytes(), &cuts).unwrap(), flow(FLOW).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(read::<Trade>(&bytes, &[]));
        drop(read::<Flow>(&bytes, &[]));
    }

    #[test]
    fn no_damage_makes_it_panic_or_change_a_sum_unseen(at in 0_usize..2_000, byte in any::<u8>()) {
        let mut bytes = TRADE.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(rows) = read::<Trade>(&bytes, &[]) {
            let total: i64 = rows.iter().map(|row| row.order_fen).sum();
            prop_assert_eq!((rows.len(), total), (2, 1_990));
        }
    }
}
