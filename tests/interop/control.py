"""The simulator's control API: what a phone and its owner do."""

import requests


class Person:
    """Somebody with a phone, known to one simulated WeChat."""

    def __init__(self, simulator_url):
        self._base = simulator_url.rstrip("/") + "/simulator"
        user = self._post("/users", {})
        self.user_id = user["user_id"]
        self.openids = user["openids"]

    def _post(self, path, body):
        answer = requests.post(self._base + path, json=body, timeout=60)
        assert answer.ok, answer.text
        return answer.json()

    def login_code(self):
        """`wx.login`."""
        return self._post("/login-codes", {"user_id": self.user_id})["code"]

    def open_data(self, kind):
        """`wx.getUserProfile` and the like: what is encrypted, and what is signed."""
        return self._post("/open-data", {"user_id": self.user_id, "kind": kind})

    def phone_code(self):
        """The phone-number button."""
        return self._post("/phone-codes", {"user_id": self.user_id})["code"]

    def cloud_id(self):
        """What `wx.*` gives beside encrypted data where cloud development is on."""
        return self._post("/cloud-ids", {"user_id": self.user_id})["cloudID"]

    def pay(self, parameters):
        """`wx.requestPayment` with these parameters, then the button of the sheet: the transaction."""
        sheet = self._post("/request-payment", {"user_id": self.user_id, **parameters})
        return self._post(f"/cashiers/{sheet['cashier_id']}", {"action": "pay"})


def set_key_mode(simulator_url, mode):
    answer = requests.post(simulator_url.rstrip("/") + "/simulator/keys", json={"mode": mode}, timeout=60)
    assert answer.ok, answer.text


def rotate_certificate(simulator_url):
    # A new RSA key is made, in a debug build.
    answer = requests.post(simulator_url.rstrip("/") + "/simulator/keys/rotate", timeout=60)
    assert answer.ok, answer.text


def advance(simulator_url, seconds):
    """Moves the simulator's clock; answers how far it is ahead."""
    answer = requests.post(simulator_url.rstrip("/") + "/simulator/clock", json={"advance_s": seconds}, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["offset_s"]


def decide_refund(simulator_url, out_refund_no, status):
    path = f"/simulator/refunds/{out_refund_no}"
    answer = requests.post(simulator_url.rstrip("/") + path, json={"status": status}, timeout=60)
    assert answer.ok, answer.text
