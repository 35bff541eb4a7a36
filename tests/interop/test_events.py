"""Events of orders, received and verified with `standardwebhooks` of PyPI, as the owner's other service would."""

import base64
import os

import program
import pytest
from listener import Receiver
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from test_signatures import Page, folder, merchant, recorder, weir  # noqa: F401, fixtures

SECRET = "whsec_" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def page(weir, folder, merchant, recorder, receiver):  # noqa: F811
    settings = merchant.settings(weir, folder, recorder, "certificate")
    settings |= {"EVENTS_WEBHOOK_URL": receiver.url, "EVENTS_WEBHOOK_SECRET": SECRET}
    running = program.serve(settings)
    yield Page(weir, running.address())
    running.stop()


def test_an_event_verifies_and_nothing_else_does(page, receiver):
    # The first answer is a failure: the same event comes again under the same id, signed anew.
    receiver.statuses = [500]
    order = page.order()
    assert page.call("POST", f"/v1/orders/{order}/close")["status"] == "closed"
    (headers, body), (again, same_body) = receiver.next(), receiver.next()

    webhook = Webhook(SECRET)
    for headers, body in [(headers, body), (again, same_body)]:
        event = webhook.verify(body, headers)
        assert event["type"] == "order.closed"
        assert event["data"]["order"]["id"] == order
        assert event["data"]["order"]["status"] == "closed"
    lower = [{name.lower(): value for name, value in sent.items()} for sent in (headers, again)]
    assert lower[0]["webhook-id"] == lower[1]["webhook-id"]

    with pytest.raises(WebhookVerificationError):
        webhook.verify(body.replace(b"closed", b"opened"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + base64.b64encode(os.urandom(32)).decode()).verify(body, headers)
