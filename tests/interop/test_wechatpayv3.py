"""`weir simulator` alone, driven by `wechatpayv3` of PyPI, which knows nothing of weir.

Only the address of WeChat Pay is changed: it is a constant in that client.
"""

import json
import time
from pathlib import Path

import control
import program
import pytest
from listener import Receiver
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

MODES = ["certificate", "public_key", "both"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One for all: its RSA keys are made once, and a restart must find them again."""
    return tmp_path_factory.mktemp("simulator")


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def wechat(folder, mode):
    running = program.simulator(folder, "--mode", mode, "--speed", "1000")
    yield running
    running.stop()


def knows_public_key(mode):
    """A merchant who is on the move has both; here it has the newer one."""
    return mode != "certificate"


@pytest.fixture
def pay(wechat, mode, receiver, monkeypatch):
    """The client, set up with nothing but what `weir simulator` prints."""
    address = wechat.value("simulator").rstrip("/")
    monkeypatch.setattr(Core, "_gate_way", property(lambda _: address, lambda *_: None), raising=False)
    keys = {}
    if knows_public_key(mode):
        keys = {
            "public_key": Path(wechat.value("public key")).read_text(),
            "public_key_id": wechat.value("public key id"),
        }
    return WeChatPay(
        wechatpay_type=WeChatPayType.MINIPROG,
        mchid=wechat.value("merchant"),
        private_key=Path(wechat.value("private key")).read_text(),
        cert_serial_no=wechat.value("certificate"),
        apiv3_key=wechat.value("APIv3 key"),
        appid=wechat.value("app id"),
        notify_url=receiver.url + "/notify",
        timeout=20,
        **keys,
    )


class Shop:
    """What a merchant does with the client."""

    def __init__(self, wechat, pay):
        self.pay = pay
        self.app_id = wechat.value("app id")
        self.person = control.Person(wechat.value("simulator"))
        self.openid = self.person.openids[self.app_id]

    def prepay(self, number, total=100):
        code, text = self.pay.pay(
            description="测试商品",
            out_trade_no=number,
            amount={"total": total, "currency": "CNY"},
            payer={"openid": self.openid},
        )
        return code, json.loads(text)

    def state(self, **which):
        code, text = self.pay.query(**which)
        assert code == 200, text
        return json.loads(text)["trade_state"]

    def checkout(self, number):
        """From the prepay to the button of the sheet: the transaction."""
        code, prepay = self.prepay(number)
        assert code == 200, prepay
        now, nonce, package = str(int(time.time())), "593BEC0C930BF1AFEB40B4A08C8FB242", f"prepay_id={prepay['prepay_id']}"
        return self.person.pay({
            "timeStamp": now,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self.pay.sign([self.app_id, now, nonce, package]),
        })


@pytest.fixture
def shop(wechat, pay):
    return Shop(wechat, pay)


def number(mode, what):
    return f"py-{mode}-{what}"


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
