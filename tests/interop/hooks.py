"""What schemathesis cannot guess: who calls, and what exists. Loaded by it, not by pytest."""

import datetime
import os
import threading
from pathlib import Path

import control
import requests
import schemathesis
from schemathesis import GenerationMode

SERVER = os.environ["SERVER"]
ADMIN_TOKEN = os.environ["ADMIN_TOKEN"]
INTERNAL_TOKEN = os.environ["INTERNAL_TOKEN"]
# Operations after which the token is worth nothing: each of their cases has a session of its own.
ENDS_SESSION = {("DELETE", "/v1/session"), ("DELETE", "/v1/sessions")}

_person = control.Person(os.environ["SIMULATOR"])
_leaving = control.Person(os.environ["SIMULATOR"])
_turns = threading.local()


def log_in(person):
    answer = requests.post(SERVER + "/v1/login", json={"code": person.login_code()}, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["token"]


TOKEN = log_in(_person)


# What no schema tells: a form whose file is a picture.
PNG = (Path(__file__).parent.parent / "fixtures" / "pictures" / "plain.png").read_bytes()
# Of its own, so that no other case changes or removes it for long.
LINE = {"product_id": "interop-hooks", "quantity": 1}


def _ensure_product():
    product = {"title": "For orders", "price_fen": 100}
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    answer = requests.put(f"{SERVER}/admin/products/{LINE['product_id']}", json=product, headers=headers, timeout=60)
    assert answer.ok, answer.text


def _order():
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": os.urandom(8).hex()}
    answer = requests.post(SERVER + "/v1/orders", json={"items": [LINE]}, headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["id"]


def _upload():
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = requests.post(SERVER + "/v1/files", files={"file": ("a.png", PNG)}, headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["url"].rsplit("/", 1)[1]


def _openid():
    """Of the person in the mini program whose token is used."""
    headers = {"authorization": f"Bearer {INTERNAL_TOKEN}"}
    answer = requests.post(SERVER + "/internal/sessions/introspect", json={"token": TOKEN}, headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["openid"]


OPENID = _openid()
_ensure_product()
FILE = _upload()
ORDERS = [_order() for _ in range(3)]


# Declared once, with documents of the person whose token is used.
COLLECTION = "interop-hooks"


def _declare(name, permission="all_read_owner_write"):
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    path = f"{SERVER}/admin/collections/{name}"
    answer = requests.put(path, json={"permission": permission}, headers=headers, timeout=60)
    assert answer.ok, answer.text


def _document():
    headers = {"authorization": f"Bearer {TOKEN}"}
    path = f"{SERVER}/v1/collections/{COLLECTION}/documents"
    answer = requests.post(path, json={"data": {"n": 1}}, headers=headers, timeout=60)
    assert answer.ok, answer.text
    return answer.json()["id"]


_declare(COLLECTION)
# Some for all cases; a session has a rate, so that not each can have one of its own.
DOCUMENTS = [_document() for _ in range(3)]
DOOMED = [_document() for _ in range(6)]


def _map_document(case, method, path):
    """A case of a document route: of a collection that is there, and with what no form can tell."""
    case.path_parameters["name"] = COLLECTION
    if "{id}" in path and _turn() % 2:
        # Those that are removed in between answer 404 from then on.
        ids = DOOMED if method == "DELETE" else DOCUMENTS
        case.path_parameters["id"] = ids[_turn() // 2 % len(ids)]
    for name in ("If-Match", "Idempotency-Key"):
        # A version that the document has, or a key that nobody used, is not drawn by chance.
        if name in (case.headers or {}):
            del case.headers[name]
    if path.endswith(("/query", "/count")) and not isinstance(case.body, dict):
        # All of it may be left out.
        return
    if path.endswith("/documents"):
        case.body = {"data": {"text": str(case.body)}} if _turn() % 2 else {"items": [{"n": _turn()}]}
    elif path.endswith("/query"):
        case.body = {"filter": {"n": {"$gte": 1}}, "sort": [["n", "desc"]], "limit": 20}
    elif path.endswith("/count"):
        case.body = {"filter": {"n": {"$in": [1, None]}}}
    elif method == "PUT":
        case.body = {"data": {"n": _turn()}}
    elif method in ("PATCH", "POST"):
        case.body = {"$inc": {"n": 1}, "$push": {"seen": _turn()}}


def _map_declaration(case, method):
    """A case of a declaration, which must not touch the collection of the others."""
    case.path_parameters["name"] = "interop-declared"
    if method == "PUT":
        schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 2**53}}}
        case.body = {"permission": case.body["permission"], "indexes": [["n"]], "schema": schema}
    elif method == "DELETE":
        case.query = {**(case.query or {}), "confirm": "interop-declared"}


def _is_secured_by(case, scheme):
    return any(scheme in one for one in case.operation.definition.raw.get("security", []))


@schemathesis.auth(cache_by_key=lambda case, _: case.operation.label)
class Bearer:
    """The token that the operation asks for, if any."""

    def get(self, case, _):
        if _is_secured_by(case, "admin"):
            return ADMIN_TOKEN
        if _is_secured_by(case, "internal"):
            return INTERNAL_TOKEN
        return TOKEN if _is_secured_by(case, "session") else None

    def set(self, case, token, _):
        if token is None:
            return
        if (case.method.upper(), case.path) in ENDS_SESSION:
            token = log_in(_leaving)
        case.headers["Authorization"] = f"Bearer {token}"


def _turn():
    _turns.count = getattr(_turns, "count", 0) + 1
    return _turns.count


@schemathesis.hook
def map_case(context, case):
    """A case that is valid by its form becomes one that is valid: what no schema tells is put in."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return case
    method, path = case.method.upper(), case.path
    if path.startswith("/v1/orders/{id}") and _turn() % 2:
        # Otherwise hardly a case would get beyond 404.
        case.path_parameters["id"] = ORDERS[_turn() // 2 % len(ORDERS)]
    if "cursor" in (case.query or {}):
        # A cursor is made by the server; `stateful` passes on those it gave.
        del case.query["cursor"]
    for name in ("created_from", "created_to", "received_from", "received_before"):
        if name in (case.query or {}):
            # Only times from 1970 on can be asked for, which no schema tells.
            case.query[name] = "20" + case.query[name][2:]
    if "/collections/{name}/" in path:
        _map_document(case, method, path)
    elif path == "/admin/collections/{name}":
        _map_declaration(case, method)
    if path in ("/v1/open-data", "/v1/open-data/verify"):
        # Encrypted by the person's own phone: ten that are not end the session.
        case.body = _person.open_data("profile")
    elif (method, path) == ("POST", "/v1/login"):
        case.body = {**case.body, "code": _person.login_code()}
        case.body.pop("app_id", None)
    elif (method, path) == ("POST", "/v1/phone-number"):
        case.body = {"code": _person.phone_code()}
    elif (method, path) == ("POST", "/v1/open-data/cloud-ids"):
        case.body = {"cloudIDs": [_person.cloud_id()]}
    elif path == "/v1/functions/{name}" and _turn() % 2:
        case.path_parameters["name"] = "echo"
    elif (method, path) == ("POST", "/admin/users/search"):
        case.body = {**case.body, "phone_number": "+86 138 0000 0001", "limit": 20, "cursor": None}
    elif (method, path) == ("POST", "/v1/orders"):
        _ensure_product()
        case.body = {**case.body, "items": [LINE]}
        # A key that was used before belongs to the body that came with it.
        case.headers["Idempotency-Key"] = os.urandom(8).hex()
    elif path == "/files/{name}":
        case.path_parameters["name"] = FILE
    elif path == "/v1/me" and method in ("PATCH", "PUT") and case.body.get("avatar_url") is not None:
        case.body = {**case.body, "avatar_url": "https://thirdwx.qlogo.cn/mmopen/x/132"}
    elif (method, path) == ("POST", "/admin/orders/{id}/refunds"):
        # It names a payment of that order, which no form can tell.
        case.body.pop("transaction_id", None)
        case.body = {name: _whole(value) for name, value in case.body.items()}
    elif (method, path) == ("POST", "/admin/events/redeliver") and isinstance(case.body, dict):
        case.body = {name: _whole(value) for name, value in case.body.items()}
    elif (method, path) == ("POST", "/admin/reconciliations"):
        # WeChat keeps bills for three months, and has none of today.
        case.body = {**case.body, "bill_date": str(datetime.date.today() - datetime.timedelta(days=3))}
    elif (method, path) == ("POST", "/internal/content-checks"):
        case.body = _content_check()
    elif path.startswith("/internal/"):
        # There is one mini program, and one path of WeChat's that takes anything.
        if "app_id" in (case.query or {}):
            del case.query["app_id"]
        if isinstance(case.body, dict):
            case.body.pop("app_id", None)
        if "path" in (case.path_parameters or {}):
            case.path_parameters["path"] = "wxa/echo/a"
    elif (method, path) == ("GET", "/admin/exceptions") and "kind" in (case.query or {}):
        # One of a list that grows: docs/errors.md.
        case.query["kind"] = "amount_mismatch"
    elif (method, path) == ("PUT", "/admin/products/{id}"):
        case.body = {name: _whole(value) for name, value in case.body.items()}
        if case.body.get("image_url") is not None:
            case.body["image_url"] = "https://img.example.com/x.png"
    return case


@schemathesis.hook
def before_call(context, case, kwargs):
    """What one answer gave is put into the next request after `map_case`: of two names of a user one is meant."""
    is_valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if is_valid and case.path.startswith("/internal/") and isinstance(case.body, dict) and "openid" in case.body:
        case.body.pop("user_id", None)


def _content_check():
    """One of each kind by turn: which fields go together no form tells."""
    media = {"image": "a.png", "audio": "a.mp3"}
    kind = ("text", "image", "audio")[_turn() % 3]
    body = {"openid": OPENID, "kind": kind, "scene": 2}
    if kind == "text":
        return {**body, "content": "tea"}
    return {**body, "media_url": f"https://shop.example/{media[kind]}"}


def _whole(value):
    """To JSON Schema 1.0 is an integer; here no float comes near money."""
    return int(value) if isinstance(value, float) else value
