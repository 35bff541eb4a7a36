"""`weir simulator` alone and `wechatpayv3` of PyPI, for all tests that set the two on each other."""

import json
import time
from pathlib import Path

import control
import program
import pytest
import wechatpayv3.utils
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


class Clock:
    """The simulator's clock, and the client's set by it."""

    def __init__(self, simulator_url):
        self._url = simulator_url
        self.offset_s = control.advance(simulator_url, 0)

    def time(self):
        return time.time() + self.offset_s

    def advance(self, seconds):
        self.offset_s = control.advance(self._url, seconds)


@pytest.fixture
def clock(wechat, monkeypatch):
    clock = Clock(wechat.value("simulator"))
    monkeypatch.setattr(wechatpayv3.utils, "time", clock)
    return clock


def knows_public_key(mode):
    """A merchant who is on the move has both; here it has the newer one."""
    return mode != "certificate"


@pytest.fixture
def pay(wechat, mode, receiver, clock, monkeypatch):
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
        timeout=60,
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
