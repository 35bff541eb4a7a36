"""`weir simulator` alone, driven by `wechatpayv3` of PyPI, which knows nothing of weir.

Only the address of WeChat Pay is changed: it is a constant in that client.
"""

import json

import control
import pytest
from conftest import number

def test_prepay_pay_notification_query(shop, receiver, mode):
    mine = number(mode, "paid")
    paid = shop.checkout(mine)
    assert paid["errMsg"] == "requestPayment:ok"
    headers, body = receiver.next()
    told = shop.pay.callback(headers, body)
    assert told["event_type"] == "TRANSACTION.SUCCESS"
    transaction = told["resource"]
    assert transaction["out_trade_no"] == mine
    assert transaction["transaction_id"] == paid["transaction_id"]
    assert transaction["amount"]["total"] == 100
    assert transaction["payer"]["openid"] == shop.openid
    assert shop.state(transaction_id=paid["transaction_id"]) == "SUCCESS"
    assert shop.state(out_trade_no=mine) == "SUCCESS"


def test_a_changed_notification_is_not_believed_by_the_client(shop, receiver, mode):
    shop.checkout(number(mode, "forged"))
    headers, body = receiver.next()
    assert shop.pay.callback(headers, body)
    assert not shop.pay.callback(headers, body.replace(b'"id"', b'"Id"'))
    assert not shop.pay.callback({**headers, "wechatpay-timestamp": "1"}, body)


def test_an_unanswered_notification_comes_again(shop, receiver, mode):
    receiver.statuses = [500, 502]
    shop.checkout(number(mode, "again"))
    ids = [shop.pay.callback(*receiver.next())["id"] for _ in range(3)]
    assert len(set(ids)) == 1


def test_close(shop, mode):
    mine = number(mode, "closed")
    assert shop.prepay(mine)[0] == 200
    assert shop.state(out_trade_no=mine) == "NOTPAY"
    code, _ = shop.pay.close(out_trade_no=mine)
    assert code == 204
    assert shop.state(out_trade_no=mine) == "CLOSED"


def test_refusals_have_wechats_form(shop, mode):
    code, refusal = shop.prepay(number(mode, "free"), total=0)
    assert (code, refusal["code"]) == (400, "PARAM_ERROR")
    code, text = shop.pay.query(out_trade_no=number(mode, "nobodys"))
    assert (code, json.loads(text)["code"]) == (404, "ORDER_NOT_EXIST")


def test_a_signature_with_another_key_is_refused(shop, mode):
    genuine = shop.pay._core._private_key
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    shop.pay._core._private_key = generate_private_key(public_exponent=65537, key_size=2048)
    code, refusal = shop.prepay(number(mode, "stranger"))
    shop.pay._core._private_key = genuine
    assert (code, refusal["code"]) == (401, "SIGN_ERROR")


@pytest.mark.parametrize("mode", ["certificate"], indirect=True)
def test_a_new_platform_certificate_is_found_by_its_serial(wechat, shop, receiver, mode):
    known = {certificate.serial_number for certificate in shop.pay._core._certificates}
    control.rotate_certificate(wechat.value("simulator"))
    shop.checkout(number(mode, "rotated"))
    assert shop.pay.callback(*receiver.next())
    assert {certificate.serial_number for certificate in shop.pay._core._certificates} > known


@pytest.mark.parametrize("mode", ["public_key"], indirect=True)
def test_with_the_public_key_alone_there_is_no_certificate_to_download(shop, mode):
    code, _ = shop.pay._core.request("/v3/certificates", skip_verify=True)
    assert code == 404
