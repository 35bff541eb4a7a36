"""What the server signs, checked by libraries that are not its own: `cryptography` and `wechatpayv3`.

`weir dev` brings a database and the simulated WeChat. A `weir serve` on the same database speaks to
that WeChat through a recorder, which keeps each request as it went over the wire.
"""

import json
import re
import time
from base64 import b64decode
from pathlib import Path

import control
import program
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from listener import Recorder
from wechatpayv3.utils import load_private_key, rsa_sign

AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(?P<mchid>\d+)",nonce_str="(?P<nonce>[0-9A-Za-z]{16,32})",'
    r'signature="(?P<signature>[A-Za-z0-9+/=]+)",timestamp="(?P<timestamp>\d+)",serial_no="(?P<serial>[0-9A-F]+)"'
)
FIVE_MINUTES_S = 300
SETTLED_S = 60


@pytest.fixture(scope="module")
def folder():
    with program.folder_for_dev() as folder:
        yield folder


@pytest.fixture(scope="module")
def weir(folder):
    running = program.dev(folder)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def merchant(weir, folder):
    return Merchant(folder / "simulator")


@pytest.fixture
def recorder(weir):
    recorder = Recorder(weir.value("simulator"))
    yield recorder
    recorder.stop()


@pytest.fixture(params=["certificate", "public_key"])
def mode(request, weir):
    # Answers are signed as the request wishes, since the server of `weir dev` knows certificates alone.
    control.set_key_mode(weir.value("simulator"), "both")
    return request.param


@pytest.fixture
def server(weir, folder, merchant, recorder, mode):
    """The address of a server whose calls to WeChat are recorded."""
    running = program.serve(merchant.settings(weir, folder, recorder, mode))
    yield running.address()
    running.stop()


class Merchant:
    """What lies in the simulator's folder, as a merchant gets it from WeChat."""

    def __init__(self, folder):
        self.folder = folder
        self.identity = json.loads((folder / "identity.json").read_text())
        certificate = load_pem_x509_certificate((folder / "merchant_certificate.pem").read_bytes())
        self.public_key = certificate.public_key()
        self.private_key = load_private_key((folder / "merchant_private_key.pem").read_text())

    def check(self, signature, message):
        """By `cryptography`; and `wechatpayv3` comes to the same signature, which has no randomness."""
        self.public_key.verify(b64decode(signature, validate=True), message.encode(), PKCS1v15(), SHA256())
        assert signature == rsa_sign(self.private_key, message)

    def settings(self, weir, folder, recorder, mode):
        kept = dict(line.split("=", 1) for line in (folder / "settings.env").read_text().splitlines())
        settings = {
            **kept,
            "DATABASE_URL": weir.value("database"),
            "HTTP_BIND": "127.0.0.1:0",
            "PUBLIC_BASE_URL": weir.value("server"),
            "WECHAT_APP_ID": self.identity["app_id"],
            "WECHAT_APP_SECRET": self.identity["app_secret"],
            "WECHAT_API_BASE_URL": recorder.url,
            "WXPAY_API_BASE_URL": recorder.url,
            "WXPAY_API_BACKUP_BASE_URL": recorder.url,
            "WXPAY_MCH_ID": self.identity["mch_id"],
            "WXPAY_CERT_SERIAL": self.identity["cert_serial"],
            "WXPAY_API_V3_KEY": self.identity["api_v3_key"],
            "WXPAY_PRIVATE_KEY_FILE": str(self.folder / "merchant_private_key.pem"),
        }
        if mode == "public_key":
            settings["WXPAY_PUBLIC_KEY_ID"] = self.identity["public_key_id"]
            settings["WXPAY_PUBLIC_KEY_FILE"] = str(self.folder / "wechat_pay_public_key.pem")
        return settings


class Page:
    """What a page of the mini program does."""

    def __init__(self, weir, server):
        self.server = server
        self.person = control.Person(weir.value("simulator"))
        login = self._call("POST", "/v1/login", {"code": self.person.login_code()})
        self.headers = {"authorization": f"Bearer {login['token']}"}

    def _call(self, method, path, body=None, headers=None):
        answer = requests.request(method, self.server + path, json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def call(self, method, path, body=None, **headers):
        return self._call(method, path, body, {**self.headers, **headers})

    def order(self):
        product = self.call("GET", "/v1/products")["items"][0]["id"]
        body = {"items": [{"product_id": product, "quantity": 1}], "note": "少糖 🍵"}
        return self.call("POST", "/v1/orders", body, **{"idempotency-key": str(time.monotonic_ns())})["id"]

    def settle(self, order):
        """Asks until it is paid: WeChat is asked at most once a second, and the notification may be faster."""
        deadline = time.monotonic() + SETTLED_S
        while self.call("POST", f"/v1/orders/{order}/sync")["status"] != "paid":
            assert time.monotonic() < deadline, "not paid in time"
            time.sleep(0.1)


@pytest.fixture
def page(weir, server):
    return Page(weir, server)


def test_pay_sign_and_authorization_verify(page, recorder, merchant, mode):
    order = page.order()
    parameters = page.call("POST", f"/v1/orders/{order}/payment")
    assert set(parameters) == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    signed = [merchant.identity["app_id"], *(parameters[name] for name in ("timeStamp", "nonceStr", "package"))]
    merchant.check(parameters["paySign"], "".join(part + "\n" for part in signed))

    assert page.call("POST", f"/v1/orders/{order}/sync")["status"] == "awaiting_payment"
    assert page.person.pay(parameters)["errMsg"] == "requestPayment:ok"
    page.settle(order)
    second = page.order()
    page.call("POST", f"/v1/orders/{second}/payment")
    assert page.call("POST", f"/v1/orders/{second}/close")["status"] == "closed"

    calls = [call for call in recorder.calls if call.path.startswith("/v3/")]
    made = {(call.method, re.sub(r"[0-9a-zA-Z]{20,}", "NO", call.path.split("?")[0])) for call in calls}
    wanted = {
        ("POST", "/v3/pay/transactions/jsapi"),
        ("GET", "/v3/pay/transactions/out-trade-no/NO"),
        ("POST", "/v3/pay/transactions/out-trade-no/NO/close"),
    }
    assert made >= (wanted | {("GET", "/v3/certificates")} if mode == "certificate" else wanted), made
    nonces = [check_authorization(call, merchant) for call in calls]
    assert len(set(nonces)) == len(nonces)
    if mode == "public_key":
        named = {call.headers.get("wechatpay-serial") for call in calls if "certificates" not in call.path}
        assert named == {merchant.identity["public_key_id"]}


def check_authorization(call, merchant):
    """The header of a call, against exactly the bytes that went over the wire."""
    found = AUTHORIZATION.fullmatch(call.headers["authorization"])
    assert found, call
    assert found["mchid"] == merchant.identity["mch_id"]
    assert found["serial"] == merchant.identity["cert_serial"]
    assert abs(int(found["timestamp"]) - time.time()) < FIVE_MINUTES_S
    parts = [call.method, call.path, found["timestamp"], found["nonce"], call.body]
    merchant.check(found["signature"], "".join(part + "\n" for part in parts))
    return found["nonce"]


def test_the_secret_of_the_app_goes_to_wechat_alone(page, recorder, merchant):
    """And nothing but the login is asked without a signature."""
    bare = [call for call in recorder.calls if "authorization" not in call.headers]
    assert bare and all(call.path.startswith("/sns/jscode2session?") for call in bare), bare
    page.call("POST", f"/v1/orders/{page.order()}/payment")
    for call in recorder.calls:
        if call.path.startswith("/v3/"):
            assert merchant.identity["app_secret"] not in call.path + call.body + str(call.headers)
