"""Refunds and bills of `weir simulator`, taken by `wechatpayv3` of PyPI.

A bill is of a day that is over. So the simulator's clock is moved, and the client's with it.
"""

import csv
import gzip
import hashlib
import io
import json
from datetime import datetime, timedelta, timezone

import control
import pytest
from conftest import number

CHINA = timezone(timedelta(hours=8))
REFUND_TAKES_S = 5


def refund(shop, mine, **others):
    wanted = {"out_refund_no": f"{mine}-r", "out_trade_no": mine, "reason": "茶凉了",
              "amount": {"refund": 40, "total": 100, "currency": "CNY"}, **others}
    code, text = shop.pay.refund(**wanted)
    return code, json.loads(text)


def refund_state(shop, out_refund_no):
    code, text = shop.pay.query_refund(out_refund_no)
    assert code == 200, text
    return json.loads(text)["status"]


def test_refund_query_and_notice(shop, receiver, clock, mode):
    mine = number(mode, "refunded")
    paid = shop.checkout(mine)
    receiver.next()
    code, made = refund(shop, mine)
    assert (code, made["status"]) == (200, "PROCESSING"), made
    assert made["transaction_id"] == paid["transaction_id"]
    # The same number with the same parameters is the same refund.
    assert refund(shop, mine)[1]["refund_id"] == made["refund_id"]
    assert shop.state(out_trade_no=mine) == "REFUND"
    clock.advance(REFUND_TAKES_S)
    headers, body = receiver.next()
    told = shop.pay.callback(headers, body)
    assert told["event_type"] == "REFUND.SUCCESS"
    notice = told["resource"]
    assert notice["refund_status"] == "SUCCESS"
    assert notice["out_refund_no"] == made["out_refund_no"]
    assert notice["refund_id"] == made["refund_id"]
    assert notice["amount"]["refund"] == 40
    assert refund_state(shop, made["out_refund_no"]) == "SUCCESS"
    assert not shop.pay.callback(headers, body.replace(b'"id"', b'"Id"'))


@pytest.mark.parametrize("status", ["CLOSED", "ABNORMAL"])
def test_a_refund_may_end_badly(wechat, shop, receiver, mode, status):
    mine = number(mode, status.lower())
    shop.checkout(mine)
    receiver.next()
    code, made = refund(shop, mine)
    assert code == 200, made
    control.decide_refund(wechat.value("simulator"), made["out_refund_no"], status)
    told = shop.pay.callback(*receiver.next())
    assert told["event_type"] == f"REFUND.{status}"
    assert told["resource"]["refund_status"] == status
    assert refund_state(shop, made["out_refund_no"]) == status


def test_refusals_of_refunds_have_wechats_form(shop, receiver, mode):
    mine = number(mode, "refused")
    shop.checkout(mine)
    receiver.next()
    too_much = {"refund": 101, "total": 100, "currency": "CNY"}
    code, refusal = refund(shop, mine, amount=too_much)
    assert (code, refusal["code"]) == (400, "INVALID_REQUEST")
    code, refusal = refund(shop, mine, out_trade_no=number(mode, "nobodys"))
    assert (code, refusal["code"]) == (404, "RESOURCE_NOT_EXISTS")
    code, text = shop.pay.query_refund(f"{mine}-r")
    assert (code, json.loads(text)["code"]) == (404, "RESOURCE_NOT_EXISTS")


def fetch(shop, answer):
    """The text of a bill: it comes compressed, and the hash is that of the text."""
    code, text = answer
    assert code == 200, text
    named = json.loads(text)
    code, content = shop.pay.download_bill(named["download_url"])
    assert code == 200, content
    plain = gzip.decompress(content)
    assert named["hash_type"] == "SHA1"
    assert hashlib.sha1(plain).hexdigest() == named["hash_value"]
    return plain.decode()


def rows(text):
    """The rows of a bill, by the names of its columns."""
    lines = list(csv.reader(io.StringIO(text)))
    head = lines[0]
    return [{name: value.removeprefix("`") for name, value in zip(head, line, strict=True)} for line in lines[1:-2]]


def end_the_day(clock):
    """Moves on to half past ten of the next day in China; answers the day that is over."""
    now = datetime.fromtimestamp(clock.time(), CHINA)
    morning = (now + timedelta(days=1)).replace(hour=10, minute=30)
    clock.advance(int((morning - now).total_seconds()))
    return now.date().isoformat()


def test_trade_and_fund_flow_bill(shop, receiver, clock, mode):
    mine = number(mode, "billed")
    # Early in the day, so that all of it falls into one.
    end_the_day(clock)
    paid = shop.checkout(mine)
    receiver.next()
    _, made = refund(shop, mine)
    clock.advance(REFUND_TAKES_S)
    receiver.next()
    code, text = shop.pay.trade_bill(datetime.fromtimestamp(clock.time(), CHINA).date().isoformat())
    assert (code, json.loads(text)["code"]) == (400, "INVALID_REQUEST")
    day = end_the_day(clock)

    bill = rows(fetch(shop, shop.pay.trade_bill(day)))
    payment, back = [row for row in bill if row["商户订单号"] == mine]
    assert (payment["交易状态"], payment["订单金额"], payment["微信订单号"]) == ("SUCCESS", "1.00", paid["transaction_id"])
    assert (back["交易状态"], back["退款状态"], back["退款金额"]) == ("REFUND", "SUCCESS", "0.40")
    assert (back["微信退款单号"], back["商户退款单号"]) == (made["refund_id"], made["out_refund_no"])

    flow = rows(fetch(shop, shop.pay.fundflow_bill(day)))
    income = [row for row in flow if row["业务凭证号"] == mine and row["收支类型"] == "收入"]
    assert [row["收支金额(元)"] for row in income] == ["1.00"]
    assert [row["业务类型"] for row in flow if row["微信支付业务单号"] == made["refund_id"]] == ["退款"]
    code, text = shop.pay.fundflow_bill(day, account_type="FEES")
    assert (code, json.loads(text)["code"]) == (400, "NO_STATEMENT_EXIST")
