"""Message push and `wechatpy` of PyPI: what it seals is taken by the server, and it reads what the simulator sends."""

import base64
import json
import os
import time
import urllib.parse

import program
import pytest
import requests
import xmltodict
from listener import Receiver
from standardwebhooks.webhooks import Webhook
from test_signatures import folder, merchant, recorder, weir  # noqa: F401, fixtures
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import WeChatSigner, check_signature

SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()
NONCE = "1514711492"


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


class Console:
    """What an owner copies from WeChat's console into the settings of both sides."""

    def __init__(self, merchant):  # noqa: F811
        self.app_id = merchant.identity["app_id"]
        self.token = merchant.identity["push"]["token"]
        self.aes_key = merchant.identity["push"]["encoding_aes_key"]
        self.crypto = WeChatCrypto(self.token, self.aes_key, self.app_id)

    def signed(self, timestamp, **more):
        signer = WeChatSigner()
        signer.add_data(self.token, timestamp, NONCE)
        return {"signature": signer.signature, "timestamp": timestamp, "nonce": NONCE, **more}


@pytest.fixture
def console(merchant):  # noqa: F811
    return Console(merchant)


@pytest.fixture
def serve(weir, folder, merchant, recorder, receiver, console):  # noqa: F811
    """Starts a server in the mode of a console; gives the address of its push."""
    running = []

    def start(is_sealed):
        settings = merchant.settings(weir, folder, recorder, "certificate")
        settings |= {"EVENTS_WEBHOOK_URL": receiver.url, "EVENTS_WEBHOOK_SECRET": SECRET}
        settings["WECHAT_PUSH_TOKEN"] = console.token
        if is_sealed:
            settings["WECHAT_PUSH_AES_KEY"] = console.aes_key
        running.append(program.serve(settings))
        return f"{running[-1].address()}/wechat/push/{console.app_id}"

    yield start
    for one in running:
        one.stop()


def message(number):
    """In both forms: the same text, told apart by its number."""
    said = {
        "ToUserName": "gh_1",
        "FromUserName": "oAlice",
        "CreateTime": str(int(time.time())),
        "MsgType": "text",
        "Content": "你好 <&> 😀",
        "MsgId": str(number),
    }
    return [(said, json.dumps(said)), (said, xmltodict.unparse({"xml": said | {"MsgId": str(number + 1)}}, full_document=False))]


def told(receiver):
    headers, body = receiver.next()
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "push.message.text"
    return event["data"]["message"]


def test_what_wechatpy_seals_is_taken_once(serve, receiver, console):
    url = serve(is_sealed=True)
    for said, text in message(100):
        sealed = xmltodict.parse(console.crypto.encrypt_message(text, NONCE))["xml"]
        query = console.signed(sealed["TimeStamp"], msg_signature=sealed["MsgSignature"], encrypt_type="aes")
        as_json = json.dumps({"ToUserName": "gh_1", "Encrypt": sealed["Encrypt"]})
        as_xml = xmltodict.unparse({"xml": {"ToUserName": "gh_1", "Encrypt": sealed["Encrypt"]}}, full_document=False)
        for body in (as_json, as_xml):
            answer = requests.post(url, params=query, data=body.encode(), timeout=60)
            assert (answer.status_code, answer.text) == (200, "success")
        assert told(receiver)["Content"] == said["Content"]
        for spoilt in (query | {"msg_signature": query["signature"]}, query | {"nonce": "1"}):
            answer = requests.post(url, params=spoilt, data=as_json.encode(), timeout=60)
            assert (answer.status_code, answer.content) == (403, b"")
        plain = requests.post(url, params=query, data=text.encode(), timeout=60)
        assert (plain.status_code, plain.content) == (403, b"")


def test_what_wechatpy_signs_in_the_clear_is_taken_and_its_handshake_answered(serve, receiver, console):
    url = serve(is_sealed=False)
    query = console.signed(str(int(time.time())))
    answer = requests.get(url, params=query | {"echostr": "4375120948345356249"}, timeout=60)
    assert (answer.status_code, answer.text) == (200, "4375120948345356249")
    for said, text in message(200):
        answer = requests.post(url, params=query, data=text.encode(), timeout=60)
        assert (answer.status_code, answer.text) == (200, "success")
        assert told(receiver)["Content"] == said["Content"]
    answer = requests.post(url, params=query | {"signature": "0" * 40}, data=text.encode(), timeout=60)
    assert (answer.status_code, answer.content) == (403, b"")


@pytest.fixture
def wechat(tmp_path, receiver):
    """A simulated WeChat that pushes to the receiver."""
    receiver.usual = 200
    running = program.simulator(tmp_path, "--server", receiver.url)
    yield running
    running.stop()


@pytest.mark.parametrize("mode", ["plain", "compatible", "secure"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_wechatpy_reads_what_the_simulator_pushes(wechat, receiver, mode, form):
    token, app_id = wechat.value("push token"), wechat.value("app id")
    crypto = WeChatCrypto(token, wechat.value("push AES key"), app_id)
    control = wechat.value("simulator").rstrip("/") + "/simulator/push"
    wish = {"openid": "oAlice", "mode": mode, "format": form, "message": {
        "MsgType": "text", "Content": "你好 <&> 😀", "MsgId": 1}}
    answers = requests.post(control, json=wish, timeout=60).json()["answers"]
    assert [answer["status"] for answer in answers] == [200]

    headers, body = receiver.next()
    path, _, query = receiver.paths.pop().partition("?")
    assert path == f"/wechat/push/{app_id}"
    query = dict(urllib.parse.parse_qsl(query))
    check_signature(token, query["signature"], query["timestamp"], query["nonce"])
    envelope = json.loads(body) if form == "json" else xmltodict.parse(body)["xml"]
    text = body.decode()
    if mode != "plain":
        signed = query["msg_signature"], query["timestamp"], query["nonce"]
        text = crypto.decrypt_message(envelope, *signed)
        with pytest.raises(InvalidSignatureException):
            crypto.decrypt_message(envelope, query["signature"], *signed[1:])
        with pytest.raises(InvalidAppIdException):
            WeChatCrypto(token, wechat.value("push AES key"), "wx0").decrypt_message(envelope, *signed)
    if form == "xml":
        read = parse_message(text)
        assert (read.type, read.source, read.content, read.id) == ("text", "oAlice", "你好 <&> 😀", 1)
    else:
        read = json.loads(text)
        assert (read["MsgType"], read["FromUserName"], read["Content"]) == ("text", "oAlice", "你好 <&> 😀")
    # In the compatible mode the clear text stands beside it.
    assert ("Content" in envelope) == (mode != "secure")
